package records_test

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/ispmail/internal/dbtest"
	"github.com/ispmail/go-ispmail/ispmail/records"
)

// everyValue has a value of each kind.
var everyValue = map[string]any{
	"null": nil, "text": "a \"b\"\\ <ü>\u2028\x00\t", "empty": "", "digits": "007", "bytes": []byte{0, 0xff}, "none": []byte{},
	"zero": int64(0), "low": int64(math.MinInt64), "high": int64(math.MaxInt64), "unsigned": json.Number("18446744073709551615"),
	"decimal": json.Number("12.50"), "long": json.Number("-12345678901234567890123456789012345.678901234567890"),
	"float": 0.1, "whole": 5.0, "tiny": 5e-324, "huge": math.MaxFloat64, "infinite": math.Inf(1), "minus": math.Inf(-1),
}

func TestColumns(t *testing.T) {
	t.Parallel()
	for _, r := range []ispmail.Record{
		{Domain: &ispmail.Domain{ID: 1, Name: "example.org"}, Columns: everyValue},
		{User: &ispmail.User{ID: 1, Email: "john@example.org"}, Columns: map[string]any{"quota": "5G", "password": nil}},
		{Alias: &ispmail.Alias{ID: 1, Source: "@example.org"}, Columns: map[string]any{"<a>": int64(1)}},
	} {
		var file bytes.Buffer
		require.NoError(t, records.Write(&file, dbtest.Sequence(nil, r)))
		r.Origin = "line 2"
		text := file.String()
		assert.Equal(t, []ispmail.Record{r}, dbtest.Collect(t, records.Read(&file)))
		// Editors put a mark before it, end lines otherwise, and add some.
		text = "\ufeff" + strings.ReplaceAll(text, "\n", "\r\n") + "\r\n \n\n"
		assert.Equal(t, []ispmail.Record{r}, dbtest.Collect(t, records.Read(strings.NewReader(text))))
	}
}

// TestColumnsText has the text of a line, which is the format.
func TestColumnsText(t *testing.T) {
	t.Parallel()
	var file bytes.Buffer
	r := ispmail.Record{Domain: &ispmail.Domain{ID: 1, Name: "example.org"}, Columns: map[string]any{
		"n": json.Number("18446744073709551615"), "d": json.Number("12.50"), "f": 5.0, "b": []byte{0, 1}, "t": "<", "x": nil, "i": true,
	}}
	require.NoError(t, records.Write(&file, dbtest.Sequence(nil, r)))
	assert.Equal(t, `{"type":"domain","id":1,"name":"example.org","columns":{"b":{"base64":"AAE="},"d":12.50,"f":5.0,"i":1,"n":18446744073709551615,"t":"<","x":null}}`,
		strings.Split(file.String(), "\n")[1])
	read := dbtest.Collect(t, records.Read(strings.NewReader(`{"type":"domain","name":"example.org","columns":{"MailDir":"/x","n":1e3,"o":-0}}`)))
	assert.Equal(t, map[string]any{"maildir": "/x", "n": 1000.0, "o": json.Number("-0")}, read[0].Columns, "names in lower case")
}

func TestWriteRefusesColumns(t *testing.T) {
	t.Parallel()
	for wrong, value := range map[string]any{
		`the domain with the id 7 holds text that is not UTF-8 in the column "a"`:                             "\xff",
		"the domain with the id 7 has a value in the column a that no file holds: it is not a number":         math.NaN(),
		"the domain with the id 7 has a value in the column a that no file holds: it is of the Go type []int": []int{1},
		"the domain with the id 7 takes more than 16777216 bytes":                                             strings.Repeat("x", 16<<20),
	} {
		r := ispmail.Record{Domain: &ispmail.Domain{ID: 7, Name: "example.org"}, Columns: map[string]any{"a": value}}
		err := records.Write(&bytes.Buffer{}, dbtest.Sequence(nil, r))
		require.ErrorIs(t, err, records.ErrFormat)
		assert.EqualError(t, err, "records: not a file of records: "+wrong)
	}
}

// TestDiffColumns compares the columns that both sides have.
func TestDiffColumns(t *testing.T) {
	t.Parallel()
	user := func(quota *int64, columns map[string]any) []ispmail.Record {
		return []ispmail.Record{{User: &ispmail.User{Email: "john@example.org", Quota: quota}, Columns: columns}}
	}
	for name, test := range map[string]struct {
		before, after []ispmail.Record
		fields        string
	}{
		"everything":    {user(nil, everyValue), user(nil, everyValue), ""},
		"another":       {user(nil, map[string]any{"b": "1", "a": "1", "c": 1}), user(nil, map[string]any{"A": "2", "B": "x", "c": 1}), "[a b]"},
		"only one side": {user(nil, map[string]any{"a": "1"}), user(nil, nil), ""},
		"digits":        {user(nil, map[string]any{"a": json.Number("12.50")}), user(nil, map[string]any{"a": 12.5}), ""},
		"big digits":    {user(nil, map[string]any{"a": json.Number("9007199254740993.0")}), user(nil, map[string]any{"a": 9007199254740992.0}), "[a]"},
		"NULL":          {user(nil, map[string]any{"a": nil}), user(nil, map[string]any{"a": ""}), "[a]"},
		"quota":         {user(nil, map[string]any{"quota": "5G"}), user(new(int64(5)), nil), "[quota]"},
		"quotas":        {user(nil, map[string]any{"quota": "5G"}), user(nil, map[string]any{"quota": "6G"}), "[quota]"},
	} {
		var want []string
		if test.fields != "" {
			want = []string{"changed user john@example.org " + test.fields}
		}
		assert.Equal(t, want, diff(t, test.before, test.after), name)
	}
}
