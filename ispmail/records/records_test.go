package records_test

import (
	"bytes"
	"errors"
	"fmt"
	"iter"
	"log/slog"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/records"
)

var someRecords = []ispmail.Record{
	{Domain: &ispmail.Domain{ID: 1, Name: "example.org"}},
	{User: &ispmail.User{ID: 7, DomainID: 1, Email: "John@Example.org ", Password: ispmail.NewSecret(`{PLAIN}"\ü<&>` + "\u2028\t"), Quota: new(int64(-1))}},
	{User: &ispmail.User{ID: 8, DomainID: 2, Email: "@example.org", Password: ispmail.NewSecret("")}},
	{User: &ispmail.User{Email: "jane@example.org", Quota: new(int64(0))}, NewPassword: ispmail.NewSecret("a long enough secret")},
	{Alias: &ispmail.Alias{ID: 3, DomainID: 1, Source: "@example.org", Destination: "a@example.net, b@example.net"}},
	{User: &ispmail.User{ID: 9, Password: ispmail.NewSecret("{PLAIN}" + "\x00\ufffd")}},
}

func TestRecords(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	require.NoError(t, records.Write(&file, dbtest.Sequence(nil, someRecords...)))
	assert.Equal(t, `{"type":"records","version":1}
{"type":"domain","id":1,"name":"example.org"}
{"type":"user","id":7,"domain_id":1,"email":"John@Example.org ","password":"{PLAIN}\"\\ü<&>\u2028\t","quota":-1}
{"type":"user","id":8,"domain_id":2,"email":"@example.org","password":""}
{"type":"user","email":"jane@example.org","new_password":"a long enough secret","quota":0}
{"type":"alias","id":3,"domain_id":1,"source":"@example.org","destination":"a@example.net, b@example.net"}
{"type":"user","id":9,"email":"","password":"{PLAIN}\u0000�"}
{"type":"end","records":6}
`, file.String())
	var got []ispmail.Record
	for r, err := range records.Read(&file) {
		require.NoError(t, err)
		assert.Equal(t, fmt.Sprintf("line %d", len(got)+2), r.Origin)
		r.Origin = ""
		got = append(got, r)
	}
	assert.Equal(t, someRecords, got)
}

func TestWriteRefuses(t *testing.T) {
	t.Parallel()
	broken := errors.New("broken")
	for name, test := range map[string]struct {
		records iter.Seq2[ispmail.Record, error]
		err     error
	}{
		"an error":  {dbtest.Sequence(broken, someRecords...), broken},
		"nothing":   {dbtest.Sequence(nil, ispmail.Record{}), records.ErrFormat},
		"not UTF-8": {dbtest.Sequence(nil, ispmail.Record{User: &ispmail.User{ID: 1, Password: ispmail.NewSecret("{PLAIN}\xfc")}}), records.ErrFormat},
		"nor new":   {dbtest.Sequence(nil, ispmail.Record{User: &ispmail.User{}, NewPassword: ispmail.NewSecret("\xfc")}), records.ErrFormat},
	} {
		require.ErrorIs(t, records.Write(&bytes.Buffer{}, test.records), test.err, name)
	}
	assert.Error(t, records.Write(full{}, dbtest.Sequence(nil, someRecords...)))
}

type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left on device") }

// TestReadRefuses ends at the first wrong line, after the records before it.
func TestReadRefuses(t *testing.T) {
	t.Parallel()
	const head, domain, end = `{"type":"records","version":1}` + "\n", `{"type":"domain","name":"example.org"}` + "\n", `{"type":"end","records":1}` + "\n"
	for file, wrong := range map[string]string{
		"":                                   "line 1 is missing: the file is empty",
		head + domain:                        "line 3 is missing: the file is cut",
		head + domain + `{"type":"end","rec`: "line 3 is not a JSON object, or is cut",
		domain + domain[:20]:                 "line 2 is not a JSON object, or is cut",
		domain + "\n" + domain:               "line 2 is blank, and others follow",
		"\n \r\n":                            "line 1 is missing: the file is empty",
		"\ufeff":                             "line 1 is missing: the file is empty",
		head + domain + "\n\n":               "line 3 is missing: the file is cut",
		"\xff\xfe{\x00\n\x00":                "line 1 is UTF-16: save the file as UTF-8",
		"\xfe\xff\x00{\x00\n":                "line 1 is UTF-16: save the file as UTF-8",
		"{\x00\n\x00":                        "line 1 is UTF-16: save the file as UTF-8",
		"\x00{\x00\n":                        "line 1 is UTF-16: save the file as UTF-8",
		domain + `{"type":"domain","name":"x","columns":1}`:                             `line 2 has the field "columns", which is not an object`,
		domain + `{"type":"domain","name":"x","columns":{"a":[]}}`:                      `line 2 has the column "a", which is not null, a text, a number or {"base64":"..."}`,
		domain + `{"type":"domain","name":"x","columns":{"a":true}}`:                    `line 2 has the column "a", which is not null, a text, a number or {"base64":"..."}`,
		domain + `{"type":"domain","name":"x","columns":{"a":{"base64":"summersun"}}}`:  `line 2 has the column "a", which is not null, a text, a number or {"base64":"..."}`,
		domain + `{"type":"domain","name":"x","columns":{"a":{"base64":"AA==","b":1}}}`: `line 2 has the column "a", which is not null, a text, a number or {"base64":"..."}`,
		domain + `{"type":"domain","name":"x","columns":{"a":"\ud800"}}`:                `line 2 has the column "a" with an escape that is no character`,
		domain + `{"type":"domain","name":"x","columns":{"a":1,"a":2}}`:                 `line 2 has the field "a" twice in "columns"`,
		domain + `{"type":"domain","name":"x","columns":{"a":1,"A":2}}`:                 `line 2 has the column "a" twice in "columns"`,
		domain + `{"type":"domain","name":"x","maildir":"/"}`:                           `line 2 has the field "maildir", which a domain does not have; columns of other programs belong into "columns"`,
		`{"type":"records","version":1,"columns":{}}`:                                   `line 1 has the field "columns", which a records does not have`,
		domain + head:                                                         `line 2 is of the type "records", which only the first line may be`,
		head + domain + domain + end:                                          "line 4 says that there are 1 records before it, but there are 2",
		domain + end + domain:                                                 "line 3 comes after the end",
		`{"type":"records","version":2}`:                                      "line 1 says that the file is of version 2; this program reads version 1",
		domain + `{"type":"mailbox"}`:                                         `line 2 is of the unknown type "mailbox"`,
		domain + `{"name":"example.org"}`:                                     `line 2 is of the unknown type ""`,
		domain + `{"type":1}`:                                                 `line 2 has the field "type", which is not a text`,
		domain + `["type"]`:                                                   "line 2 is not a JSON object, or is cut",
		domain + `null`:                                                       "line 2 is not a JSON object, or is cut",
		domain + "summersun":                                                  "line 2 is not a JSON object, or is cut",
		domain + domain[:len(domain)-1] + "{}":                                "line 2 has something after the JSON object",
		domain + `{"type":"domain"}`:                                          `line 2 has no "name"`,
		domain + `{"type":"domain","name":null}`:                              `line 2 has the field "name", which is not a text`,
		domain + `{"type":"domain","name":"a.org","name":"b.org"}`:            `line 2 has the field "name" twice`,
		domain + `{"type":"domain","Name":"example.org"}`:                     `line 2 has no "name"`,
		domain + `{"type":"domain","name":"example.org","id":"1"}`:            `line 2 has the field "id", which is not a whole number`,
		domain + `{"type":"domain","name":"example.org","id":1.5}`:            `line 2 has the field "id", which is not a whole number`,
		domain + `{"type":"domain","name":"example.org","email":"summersun"}`: `line 2 has the field "email", which a domain does not have; columns of other programs belong into "columns"`,
		domain + `{"type":"user","email":"john@example.org"}`:                 `line 2 needs either "password", the stored value, or "new_password"`,
		domain + `{"type":"user","email":"john@example.org","password":"{PLAIN}x","new_password":"secret"}`: `line 2 needs either "password", the stored value, or "new_password"`,
		domain + `{"type":"user","email":"john@example.org","password":"summersun","quota":1e30}`:           `line 2 has the field "quota", which is not a whole number`,
		domain + `{"type":"alias","source":"john@example.org"}`:                                             `line 2 has no "destination"`,
		domain + `{"type":"domain","name":"x\udce9"}`:                                                       `line 2 has the field "name" with an escape that is no character`,
		domain + `{"type":"user","email":"x","new_password":"\uD800x"}`:                                     `line 2 has the field "new_password" with an escape that is no character`,
		domain + "{\"type\":\"domain\",\"name\":\"\xff\"}":                                                  "line 2 is not UTF-8",
		domain + `{"type":"domain","name":"` + strings.Repeat("x", 16<<20) + `"}`:                           "line 2 is longer than 16777216 bytes",
		domain + "CREATE TABLE `mailbox` (":                                                                 "line 2 is not a JSON object, or is cut",
	} {
		read := 0
		var failed error
		for _, err := range records.Read(strings.NewReader(file)) {
			require.NoError(t, failed, "the error is the last")
			if failed = err; err == nil {
				read++
			}
		}
		name := file[max(0, len(file)-100):]
		require.ErrorIs(t, failed, records.ErrFormat, name)
		require.EqualError(t, failed, "records: not a file of records: "+wrong, name)
		assert.NotContains(t, failed.Error(), "summersun")
		var number int
		_, err := fmt.Sscanf(wrong, "line %d", &number)
		require.NoError(t, err)
		before := strings.SplitAfter(file, "\n")[:number-1]
		assert.Equal(t, strings.Count(strings.Join(before, ""), domain), read, name)
	}
}

// TestRecordSecrets prints a record in the ways in which a program does so by accident.
func TestRecordSecrets(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	r := ispmail.Record{User: &ispmail.User{Email: "jane@example.org", Password: ispmail.NewSecret("{PLAIN}summersun")}, NewPassword: ispmail.NewSecret("summersun")}
	slog.New(slog.NewTextHandler(&out, nil)).Info("record", "record", r)
	fmt.Fprintf(&out, "%v %+v %s", r, r, r)
	assert.NotContains(t, out.String(), "summersun")
	assert.Contains(t, out.String(), "user jane@example.org")
}
