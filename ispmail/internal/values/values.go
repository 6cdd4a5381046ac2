// Package values holds what a column may hold: how its value looks in Go, and when two values are the same.
//
// A value is nil for NULL, a string, an int64, a float64, a [json.Number] for a number that neither of them holds
// exactly, such as a DECIMAL, or a []byte for bytes that are no text.
package values

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"math/big"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// maxDigits is the length of the longest number. MariaDB has at most 65 digits.
const maxDigits = 400

var number = regexp.MustCompile(`^-?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][+-]?[0-9]+)?$`)

// Normal returns a value in the one form that it has in this package. Other types of whole numbers, bool and time.Time
// become one of the types above; a time is in UTC. The error says why a value has no such form, without the value.
func Normal(value any) (any, error) {
	switch v := value.(type) {
	case nil, string, int64:
		return v, nil
	case []byte:
		if v == nil {
			return nil, nil
		}
		return v, nil
	case bool:
		if v {
			return int64(1), nil
		}
		return int64(0), nil
	case int:
		return int64(v), nil
	case int32:
		return int64(v), nil
	case uint64:
		return Normal(json.Number(strconv.FormatUint(v, 10)))
	case float32:
		return shortest(float64(v)), nil
	case float64:
		if math.IsNaN(v) {
			return nil, errors.New("it is not a number")
		}
		return v, nil
	case json.Number:
		return normalNumber(string(v))
	case time.Time:
		return v.UTC().Format("2006-01-02 15:04:05.999999"), nil
	}
	return nil, fmt.Errorf("it is of the Go type %T", value)
}

// normalNumber returns a number as an int64 or a float64 if one of them has these digits, otherwise as it is.
func normalNumber(text string) (any, error) {
	if !number.MatchString(text) || len(text) > maxDigits {
		return nil, errors.New("it is no number, or one of too many digits")
	}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil && text != "-0" {
		return n, nil
	}
	f, _ := strconv.ParseFloat(text, 64) // beyond its range, it is infinite
	if strings.ContainsAny(text, "eE") || Text(f) == text {
		return f, nil
	}
	return json.Number(text), nil
}

// shortest returns the number with the fewest digits that a FLOAT, of 32 bits, takes for the same.
func shortest(f float64) float64 {
	f, _ = strconv.ParseFloat(strconv.FormatFloat(f, 'g', -1, 32), 64)
	return f
}

// Text returns the digits of a number. Those of a float64 have a point or an exponent, by which [Normal] knows it again.
// The infinite numbers of SQLite are 9e999 and -9e999.
func Text(value any) string {
	switch v := value.(type) {
	case int64:
		return strconv.FormatInt(v, 10)
	case json.Number:
		return string(v)
	case float64:
		if math.IsInf(v, 0) {
			return strings.TrimPrefix(strconv.FormatFloat(v, 'g', -1, 64)[:1], "+") + "9e999"
		}
		text := strconv.FormatFloat(v, 'g', -1, 64)
		if !strings.ContainsAny(text, ".e") {
			text += ".0"
		}
		return text
	}
	return ""
}

// Read returns a value as a driver returned it for a column of a kind, such as "decimal". The kind is "" on SQLite, where
// every value tells its own.
func Read(kind string, value any) any {
	text, isBytes := value.([]byte)
	switch {
	case kind == "float":
		if f, ok := value.(float64); ok {
			return shortest(f)
		}
	case !isBytes || kind == "" || IsBinary(kind):
	case kind == "decimal":
		value = json.Number(withoutZeros(string(text)))
	default:
		return string(text)
	}
	if isBytes {
		value = orBytes(value)
	}
	if normal, err := Normal(value); err == nil {
		return normal
	}
	return string(text)
}

// orBytes returns a copy of bytes, which belong to the driver, and anything else as it is.
func orBytes(value any) any {
	if b, ok := value.([]byte); ok {
		return append([]byte{}, b...)
	}
	return value
}

// withoutZeros removes the zeros that ZEROFILL writes before a number.
func withoutZeros(text string) string {
	short := strings.TrimLeft(text, "0")
	if short == "" || short[0] == '.' {
		return "0" + short
	}
	return short
}

// IsBinary reports whether a column of MariaDB of this kind holds bytes.
func IsBinary(kind string) bool {
	switch kind {
	case "bit", "binary", "varbinary", "tinyblob", "blob", "mediumblob", "longblob", "vector", "geometry", "point", "linestring",
		"polygon", "multipoint", "multilinestring", "multipolygon", "geometrycollection":
		return true
	}
	return false
}

// IsNumber reports whether a value is a number.
func IsNumber(value any) bool {
	switch value.(type) {
	case int64, float64, json.Number:
		return true
	}
	return false
}

// Size returns about how many bytes a value takes.
func Size(value any) int {
	switch v := value.(type) {
	case string:
		return len(v)
	case []byte:
		return len(v)
	}
	return 8
}

// Same reports whether a column that took one value and holds the other one lost nothing. A number is the same as a text
// of its digits, and in a column BIT the same as its bits. A time is the same with a fraction of zeros, a date with the
// time 00:00:00.
func Same(want, got any) bool {
	if want == nil || got == nil {
		return want == nil && got == nil
	}
	if b, ok := got.([]byte); ok && IsNumber(want) {
		n, isInt := want.(int64)
		return isInt && n >= 0 && len(b) <= 8 && bigEndian(b) == uint64(n)
	}
	switch w := want.(type) {
	case []byte:
		g, ok := textOf(got)
		return ok && string(w) == g
	case string:
		if g, ok := textOf(got); ok {
			return w == g || sameTime(w, g)
		}
		return w == Text(got) || w+".0" == Text(got)
	}
	if g, ok := got.(string); ok {
		if !number.MatchString(g) || len(g) > maxDigits {
			return false
		}
		got = json.Number(g)
	}
	a, b := exact(want), exact(got)
	if a == nil || b == nil {
		return Text(want) == Text(got)
	}
	return a.Cmp(b) == 0
}

func textOf(value any) (string, bool) {
	switch v := value.(type) {
	case string:
		return v, true
	case []byte:
		return string(v), true
	}
	return "", false
}

func bigEndian(b []byte) uint64 {
	return binary.BigEndian.Uint64(append(bytes.Repeat([]byte{0}, 8-len(b)), b...))
}

var fraction = regexp.MustCompile(`^([0-9-]+ )?[0-9]+:[0-9]{2}:[0-9]{2}(\.[0-9]*[1-9])?(\.?0+)?$`)

// sameTime reports whether two texts are the same point in time.
func sameTime(want, got string) bool {
	if want+" 00:00:00" == got {
		return true
	}
	trim := func(text string) string {
		if !strings.Contains(text, ".") || !fraction.MatchString(text) {
			return text
		}
		return strings.TrimSuffix(strings.TrimRight(text, "0"), ".")
	}
	return fraction.MatchString(want) && trim(want) == trim(got)
}

// exact returns a number as a fraction, nil if it is infinite or no number.
func exact(value any) *big.Rat {
	text := Text(value)
	if strings.HasSuffix(text, "9e999") {
		return nil
	}
	if n, ok := value.(json.Number); ok && strings.ContainsAny(text, "eE") {
		f, err := n.Float64() // not as a fraction: an exponent could need any amount of memory
		if err != nil {
			return nil
		}
		text = Text(f)
	}
	r, ok := new(big.Rat).SetString(text)
	if !ok {
		return nil
	}
	return r
}
