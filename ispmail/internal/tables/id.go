package tables

import (
	"fmt"
	"math"
	"strconv"
)

// An ID scans an id that is a number. An unsigned column may hold higher numbers than an int64, and a column that is no key
// may hold NULL, which is 0 for a domain_id. The error is a [MisfitError].
type ID struct {
	Table, Column string
	To            *int64
}

// Scan implements sql.Scanner.
func (id ID) Scan(value any) error {
	*id.To = 0
	switch v := value.(type) {
	case int64:
		*id.To = v
		return nil
	case nil:
		if id.Column == "domain_id" {
			return nil
		}
		return misfit("%s.%s is NULL in a row, and rows without an id cannot be told apart", id.Table, id.Column)
	case []byte:
		value = string(v)
	}
	n, err := strconv.ParseInt(fmt.Sprint(value), 10, 64)
	if err != nil {
		return misfit("%s.%s is %.40q in a row, and ids must be whole numbers up to %d", id.Table, id.Column, fmt.Sprint(value), int64(math.MaxInt64))
	}
	*id.To = n
	return nil
}
