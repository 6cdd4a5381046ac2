package dbtest

import (
	"encoding/binary"
	"io"
	"net"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Listen serves each connection to an address of its own, until the test ends. It closes a connection that has been served.
func Listen(t *testing.T, serve func(client net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	require.NoError(t, err)
	var done sync.WaitGroup
	done.Go(func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			done.Go(func() {
				defer func() { _ = client.Close() }()
				serve(client)
			})
		}
	})
	t.Cleanup(func() {
		require.NoError(t, listener.Close())
		done.Wait()
	})
	return listener.Addr().String()
}

// Relay passes on what a client and a server send, and closes both connections in the end. packet returns what the server gets
// instead of a packet of the client, nil to end. answer reports whether the client gets what the server sends; if not, that is the end.
func Relay(client, server net.Conn, packet func([]byte) []byte, answer func() bool) {
	end := func() { _, _ = client.Close(), server.Close() }
	var done sync.WaitGroup
	defer done.Wait()
	defer end()
	done.Go(func() {
		defer end()
		sent := make([]byte, 64<<10)
		for {
			n, err := server.Read(sent)
			if err != nil || !answer() {
				return
			}
			if _, err := client.Write(sent[:n]); err != nil {
				return
			}
		}
	})
	for {
		sent, err := ReadPacket(client)
		if err != nil {
			return
		}
		if sent = packet(sent); sent == nil {
			return
		}
		if _, err := server.Write(sent); err != nil {
			return
		}
	}
}

// ReadPacket reads a packet of the protocol, https://mariadb.com/docs/server/reference/clientserver-protocol/0-packet.
func ReadPacket(r io.Reader) ([]byte, error) {
	header := make([]byte, 4)
	if _, err := io.ReadFull(r, header); err != nil {
		return nil, err
	}
	length := binary.LittleEndian.Uint32(header) & 0xffffff // the fourth byte is a sequence number
	packet := append(header, make([]byte, length)...)
	_, err := io.ReadFull(r, packet[4:])
	return packet, err
}

// Statement returns the text of a packet that is a COM_QUERY (3), "" of others.
func Statement(packet []byte) string {
	if len(packet) < 6 || packet[3] != 0 || packet[4] != 3 {
		return ""
	}
	return string(packet[5:])
}
