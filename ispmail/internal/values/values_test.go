package values_test

import (
	"encoding/json"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/ispmail/go-ispmail/ispmail/internal/values"
)

func TestNormal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ in, want any }{
		{nil, nil},
		{[]byte(nil), nil},
		{"x", "x"},
		{true, int64(1)},
		{false, int64(0)},
		{7, int64(7)},
		{int32(7), int64(7)},
		{uint64(7), int64(7)},
		{uint64(math.MaxUint64), json.Number("18446744073709551615")},
		{float32(0.1), 0.1},
		{json.Number("9223372036854775807"), int64(math.MaxInt64)},
		{json.Number("12.5"), 12.5},
		{json.Number("12.50"), json.Number("12.50")},
		{json.Number("5.0"), 5.0},
		{json.Number("1e3"), 1000.0},
		{json.Number("9e999"), math.Inf(1)},
		{json.Number("1e-999999999"), 0.0},
		{json.Number("0.10000000000000001"), json.Number("0.10000000000000001")},
		{time.Date(2026, 1, 2, 3, 4, 5, 600_000_000, time.FixedZone("", 3600)), "2026-01-02 02:04:05.6"},
	} {
		got, err := values.Normal(test.in)
		require.NoError(t, err)
		assert.Equal(t, test.want, got, "%v", test.in)
	}
	for _, wrong := range []any{math.NaN(), []int{1}, json.Number("x"), json.Number("01"), json.Number(""), json.Number("1" + strings.Repeat("0", 1000)), struct{}{}} {
		_, err := values.Normal(wrong)
		assert.Error(t, err, "%v", wrong)
	}
}

func TestSame(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		want, got any
		same      bool
	}{
		{nil, nil, true},
		{nil, "", false},
		{"", nil, false},
		{int64(0), nil, false},
		{"x", "x", true},
		{"x", "X", false},
		{"x", []byte("x"), true},
		{[]byte{1}, []byte{1}, true},
		{[]byte{1}, int64(1), false},
		{int64(5), int64(5), true},
		{int64(5), "5", true},
		{int64(5), "05", false},
		{"5", int64(5), true},
		{"007", int64(7), false},
		{"+5", int64(5), false},
		{"x", int64(0), false},
		{12.5, json.Number("12.50"), true},
		{json.Number("12.50"), 12.5, true},
		{json.Number("12.50"), "12.50", true},
		{"12.50", 12.5, false},
		{json.Number("18446744073709551615"), 18446744073709551615.0, false},
		{int64(9007199254740993), 9007199254740992.0, false},
		{0.1, json.Number("0.1000000000000000055511151231257827"), false},
		{math.Inf(1), math.Inf(1), true},
		{math.Inf(1), math.Inf(-1), false},
		{math.Inf(1), math.MaxFloat64, false},
		{int64(5), []byte{0, 5}, true},
		{int64(5), []byte{5, 0}, false},
		{int64(-1), []byte{255}, false},
		{"2024-01-01 12:00:00", "2024-01-01 12:00:00.000000", true},
		{"2024-01-01 12:00:00.500", "2024-01-01 12:00:00.5", true},
		{"2024-01-01 12:00:00.5", "2024-01-01 12:00:00", false},
		{"2024-01-01 12:00:00.5", "2024-01-01 12:00:01", false},
		{"2024-01-01", "2024-01-01 00:00:00", true},
		{"2024-01-01 12:00:00", "2024-01-01", false},
		{"10:20:30", "10:20:30.00", true},
		{"1.0", "1.00", false},
	} {
		assert.Equal(t, test.same, values.Same(test.want, test.got), "%v %v", test.want, test.got)
	}
}

func TestRead(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind string
		in   any
		want any
	}{
		{"decimal", []byte("0000012.50"), json.Number("12.50")},
		{"decimal", []byte("000.00"), json.Number("0.00")},
		{"decimal", []byte("-7"), int64(-7)},
		{"bit", []byte{1}, []byte{1}},
		{"blob", []byte{}, []byte{}},
		{"varchar", []byte("12"), "12"},
		{"datetime", []byte("0000-00-00"), "0000-00-00"},
		{"float", 16777216.0, 16777216.0},
		{"float", float64(float32(0.1)), 0.1},
		{"double", float64(float32(0.1)), float64(float32(0.1))},
		{"bigint", uint64(math.MaxUint64), json.Number("18446744073709551615")},
		{"", []byte("x"), []byte("x")},
		{"", "x", "x"},
		{"int", nil, nil},
	} {
		assert.Equal(t, test.want, values.Read(test.kind, test.in), "%s %v", test.kind, test.in)
	}
	buffer := []byte("x")
	got := values.Read("blob", buffer)
	buffer[0] = 'y'
	assert.Equal(t, []byte("x"), got, "the buffer of the driver is used again")
}
