package route_test

import (
	"bufio"
	"crypto/rand"
	"database/sql"
	"flag"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/smtp"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-sql-driver/mysql"
	"github.com/moby/moby/api/types/container"
	"github.com/moby/moby/api/types/network"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
	"github.com/testcontainers/testcontainers-go"
	"github.com/testcontainers/testcontainers-go/wait"
	"github.com/uptrace/bun"
	"github.com/uptrace/bun/dialect/mysqldialect"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/route/routetest"
	"github.com/ispmail/go-ispmail/ispmail/ispmailtest"
)

var constellations = flag.Int("constellations", 200, "how many random constellations TestPostfix sends a mail to; the promise is about 500")

// TestPostfix sends a mail for every constellation, and for random ones, to a real Postfix with the maps of the guide, and
// checks where it goes.
func TestPostfix(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("a test that needs a Postfix, which -short leaves out")
	}
	image := os.Getenv("ISPMAIL_TEST_POSTFIX_IMAGE")
	require.NotEmpty(t, image, "ISPMAIL_TEST_POSTFIX_IMAGE must name an image of .ci/postfix: run make test, or eval \"$(.ci/test-env)\" before go test")
	if image == "none" {
		t.Skip("ISPMAIL_TEST_POSTFIX_IMAGE says that there is no Docker engine for a Postfix")
	}
	p := startPostfix(t, image)
	all := slices.Concat(routetest.Constellations, routetest.Random(*constellations, routetest.Seed))
	routetest.Arrange(t, p.db, all)

	sent := make([]mail, len(all))
	for i, c := range all {
		sent[i] = p.send(t, routetest.In(i, c.To))
		if strings.HasPrefix(sent[i].reply, "4") { // a lookup may fail for a moment; what is a loop stays one
			sent[i] = p.send(t, routetest.In(i, c.To))
		}
	}
	deliveries := p.deliveries(t, sent)
	agree := 0
	kinds := map[string]int{}
	for i, c := range all {
		ours, theirs := routetest.Walk(c.Tables(i), routetest.In(i, c.To)), sent[i].outcome(deliveries[sent[i].id])
		kind, _, _ := strings.Cut(ours[0], " ")
		kinds[kind]++
		switch {
		case c.Postfix != "":
			ours = routetest.Wanted(i, c.Postfix)
		case kind == "loop" || kind == "limit" || kind == "invalid":
			// Postfix notices a loop when it reaches a limit. A text of only commas is an error to it.
			ours = []string{"refused"}
		}
		if assert.ElementsMatch(t, ours, theirs, "%d %+v\n%s", i, c, sent[i].reply) && c.Postfix == "" {
			agree++
		}
	}
	t.Logf("this package says what Postfix does in %d of %d constellations: %v", agree, len(all), kinds)
}

// A postfix is a Postfix in a container.
type postfix struct {
	container testcontainers.Container
	db        *ispmailtest.Database // with the tables of the maps
	smtp      string                // host:port
}

func startPostfix(t *testing.T, image string) *postfix {
	t.Helper()
	ctx := t.Context()
	config := mysql.NewConfig()
	config.User, config.Passwd, config.Net = "root", rand.Text(), "tcp"
	smtpPort, sqlPort := network.MustParsePort("25/tcp"), network.MustParsePort("3306/tcp")
	loopback := []network.PortBinding{{HostIP: netip.AddrFrom4([4]byte{127, 0, 0, 1})}}
	ctr, err := testcontainers.Run(
		ctx, image,
		testcontainers.WithExposedPorts(smtpPort.String(), sqlPort.String()),
		testcontainers.WithEnv(map[string]string{"MARIADB_ROOT_PASSWORD": config.Passwd}),
		testcontainers.WithTmpfs(map[string]string{"/var/lib/mysql": "rw"}),
		testcontainers.WithHostConfigModifier(func(host *container.HostConfig) {
			host.AutoRemove = true
			host.PortBindings = network.PortMap{smtpPort: loopback, sqlPort: loopback}
		}),
		testcontainers.WithWaitStrategyAndDeadline(5*time.Minute, wait.ForLog("starting the Postfix mail system").WithStartupTimeout(5*time.Minute)),
	)
	testcontainers.CleanupContainer(t, ctr, testcontainers.StopTimeout(0)) // the engine may have removed it already (AutoRemove)
	require.NoError(t, err)
	host, err := ctr.Host(ctx)
	require.NoError(t, err)
	mapped := func(port network.Port) string {
		p, err := ctr.MappedPort(ctx, port.String())
		require.NoError(t, err)
		return net.JoinHostPort(host, p.Port())
	}
	config.Addr = mapped(sqlPort)
	config.DBName = "mailserver"
	db, err := sql.Open("mysql", config.FormatDSN())
	require.NoError(t, err)
	p := &postfix{container: ctr, db: &ispmailtest.Database{DB: bun.NewDB(db, mysqldialect.New()), DSN: config.FormatDSN()}, smtp: mapped(smtpPort)}
	t.Cleanup(func() { assert.NoError(t, p.db.DB.Close()) })
	require.NoError(t, p.db.Store(t, ispmail.Config{}).CreateSchema(ctx))
	return p
}

// A mail is a mail that was handed to Postfix.
type mail struct {
	id    string // in the queue, "" if Postfix refused it
	reply string // of Postfix
}

var queued = regexp.MustCompile(`queued as (\w+)`)

// send hands a mail for one recipient to Postfix.
func (p *postfix) send(t *testing.T, to string) mail {
	t.Helper()
	client, err := smtp.Dial(p.smtp)
	require.NoError(t, err)
	defer func() { _ = client.Close() }()
	// Without a sender, Postfix sends no bounces.
	require.NoError(t, client.Mail(""))
	if err := client.Rcpt(to); err != nil {
		return mail{reply: err.Error()}
	}
	// client.Data would not return the reply, which holds the id.
	id, err := client.Text.Cmd("DATA")
	require.NoError(t, err)
	client.Text.StartResponse(id)
	_, _, err = client.Text.ReadResponse(354)
	client.Text.EndResponse(id)
	require.NoError(t, err)
	require.NoError(t, client.Text.PrintfLine("Subject: test\r\n\r\n."))
	_, reply, err := client.Text.ReadResponse(250)
	if err != nil {
		return mail{reply: err.Error()}
	}
	found := queued.FindStringSubmatch(reply)
	require.NotNil(t, found, reply)
	return mail{id: found[1], reply: reply}
}

// A delivery is what Postfix logs about a recipient.
type delivery struct{ by, to, status string }

var deliveryLine = regexp.MustCompile(` postfix/(\w+)\[\d+\]: (\w+): to=<(.*?)>,.* status=(\w+)`)

// deliveries waits until all mails have left the queue, and returns their deliveries by the id of the mail.
func (p *postfix) deliveries(t *testing.T, sent []mail) map[string][]delivery {
	t.Helper()
	var all map[string][]delivery
	require.Eventually(t, func() bool {
		reader, err := p.container.Logs(t.Context())
		if err != nil {
			return false
		}
		defer func() { _ = reader.Close() }()
		all = map[string][]delivery{}
		removed := map[string]bool{}
		scanner := bufio.NewScanner(io.Reader(reader))
		for scanner.Scan() {
			line := scanner.Text()
			if _, rest, ok := strings.Cut(line, "]: "); ok && strings.HasSuffix(rest, ": removed") {
				removed[strings.TrimSuffix(rest, ": removed")] = true
			} else if !strings.Contains(line, " status=") { // for which the expression takes long
				continue
			} else if found := deliveryLine.FindStringSubmatch(line); found != nil {
				all[found[2]] = append(all[found[2]], delivery{by: found[1], to: found[3], status: found[4]})
			}
		}
		for _, m := range sent {
			if m.id != "" && !removed[m.id] {
				return false
			}
		}
		return true
	}, 10*time.Minute, 500*time.Millisecond)
	return all
}

// outcome returns what became of a mail, in the words of a [routetest.Constellation].
func (m mail) outcome(deliveries []delivery) []string {
	switch {
	case strings.HasPrefix(m.reply, "550 "):
		return []string{"nobody"}
	case strings.HasPrefix(m.reply, "451 "):
		return []string{"refused"}
	case m.id == "":
		return []string{m.reply}
	}
	var words []string
	for _, d := range deliveries {
		switch by, to, status := d.by, d.to, d.status; {
		case status == "bounced":
		case status == "sent" && by == "virtual":
			words = append(words, "mailbox "+strings.ToLower(to))
		case status == "sent" && by == "discard":
			at := strings.LastIndexByte(to, '@') + 1
			words = append(words, "away "+strings.TrimSuffix(to[:at]+strings.ToLower(to[at:]), "@localhost"))
		default:
			words = append(words, fmt.Sprintf("%s by %s: %s", status, by, to))
		}
	}
	if words == nil {
		return []string{"nobody"}
	}
	return words
}
