package cluster

import (
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/go-sql-driver/mysql"
	"github.com/stretchr/testify/assert"

	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
)

// A Split sends reads outside transactions to a replica and the rest to the primary, as proxies do that split reads and writes.
type Split struct {
	replicas *Replicas
	database string
	address  string
}

// Split returns a proxy for a database, which ends with the test.
func (r *Replicas) Split(t *testing.T, database string) *Split {
	t.Helper()
	r.Primary.Exec(t, "CREATE USER reader@'%'", "GRANT SELECT ON *.* TO reader@'%'")
	s := &Split{replicas: r, database: database}
	s.address = dbtest.Listen(t, func(client net.Conn) { assert.NoError(t, s.serve(client)) })
	return s
}

// Config connects to the database through the proxy.
func (s *Split) Config() *mysql.Config {
	c := s.replicas.Primary.Config(s.database)
	c.Addr = s.address
	return c
}

func (s *Split) serve(client net.Conn) error {
	var done sync.WaitGroup
	defer done.Wait()
	defer func() { _ = client.Close() }()
	primary, err := net.Dial("tcp", net.JoinHostPort(s.replicas.Primary.Address, "3306"))
	if err != nil {
		return err
	}
	defer func() { _ = primary.Close() }()
	done.Go(func() { _, _ = io.Copy(client, primary) })
	login, err := dbtest.ReadPacket(client)
	if err != nil {
		return nil // one that has only looked
	}
	if _, err := primary.Write(login); err != nil {
		return err
	}
	replica, err := s.reader(login)
	if err != nil {
		return err
	}
	defer func() { _ = replica.Close() }()
	var passOn sync.Once // what the replica answers, once it has logged in and taken the settings of the session
	inTransaction := false
	for {
		packet, err := dbtest.ReadPacket(client)
		if err != nil {
			return nil //nolint:nilerr // the end of the connection
		}
		text, to := dbtest.Statement(packet), primary
		switch {
		case strings.HasPrefix(text, "SET "):
			if _, err := roundTrip(replica, packet); err != nil {
				return err
			}
		case strings.HasPrefix(text, "START TRANSACTION"):
			inTransaction = true
		case text == "COMMIT", text == "ROLLBACK":
			inTransaction = false
		case strings.HasPrefix(text, "SELECT ") && !inTransaction && !strings.HasSuffix(text, "FOR UPDATE"):
			passOn.Do(func() { done.Go(func() { _, _ = io.Copy(client, replica) }) })
			to = replica
		}
		if _, err := to.Write(packet); err != nil {
			return nil //nolint:nilerr // as above
		}
	}
}

// reader logs in to the replica as an account without a password, with the capabilities that the client has named.
func (s *Split) reader(login []byte) (net.Conn, error) {
	replica, err := net.Dial("tcp", net.JoinHostPort(s.replicas.Replica.Address, "3306"))
	if err != nil {
		return nil, err
	}
	if _, err := dbtest.ReadPacket(replica); err != nil {
		return nil, err
	}
	// https://mariadb.com/docs/server/reference/clientserver-protocol/1-connecting/connection: without CLIENT_CONNECT_WITH_DB,
	// CLIENT_SSL, CLIENT_PLUGIN_AUTH and what follows it.
	answer := append([]byte{0, 0, 0, 1}, login[4:36]...)
	answer[4] &^= 0x08
	answer[5] &^= 0x08
	answer[6] &^= 0x38
	answer = append(answer, "reader\x00\x00"...)
	answer[0] = byte(len(answer) - 4) //nolint:gosec // it is short
	if _, err := roundTrip(replica, answer); err != nil {
		return nil, err
	}
	use := append([]byte{0, 0, 0, 0, 2}, s.database...) // COM_INIT_DB
	use[0] = byte(len(use) - 4)                         //nolint:gosec // it is short
	_, err = roundTrip(replica, use)
	return replica, err
}

// roundTrip sends a packet and reads one.
func roundTrip(server net.Conn, packet []byte) (answer []byte, err error) {
	if _, err := server.Write(packet); err != nil {
		return nil, err
	}
	answer, err = dbtest.ReadPacket(server)
	if err == nil && len(answer) > 6 && answer[4] == 0xff {
		err = &mysql.MySQLError{Number: uint16(answer[5]) | uint16(answer[6])<<8, Message: string(answer[7:])}
	}
	return answer, err
}
