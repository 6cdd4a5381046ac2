package ispmail

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// ownSession sets, behind the sql_mode, the session variables that change what statements mean. A server may have other
// values for all its sessions, in its configuration or by init_connect.
//
// autocommit comes first, because it ends a transaction of init_connect. max_join_size switches sql_big_selects off.
// "@@SESSION." makes a setting last longer than the next transaction. Error messages are in English because mapError
// reads the names of tables and keys in them. A server reads a comment from the version in it on.
//
// All other variables were looked at (MariaDB 10.11 and 11.8). They are about plans, buffers, times, logs, replication and
// the definition of tables, or hold a value for one statement (insert_id, timestamp).
const ownSession = ", @@SESSION.autocommit=1, @@SESSION.completion_type=0" +
	", @@SESSION.tx_isolation='REPEATABLE-READ', @@SESSION.tx_read_only=0" +
	", @@SESSION.sql_select_limit=18446744073709551615" +
	", @@SESSION.max_join_size=18446744073709551615, @@SESSION.sql_big_selects=1" +
	", @@SESSION.sql_safe_updates=0, @@SESSION.sql_auto_is_null=0" +
	", @@SESSION.foreign_key_checks=1, @@SESSION.unique_checks=1, @@SESSION.lc_messages='en_US'" +
	"/*M!100201 , @@SESSION.check_constraint_checks=1*/" +
	"/*M!100304 , @@SESSION.system_versioning_asof=DEFAULT*/" +
	"/*M!100408 , @@SESSION.in_predicate_conversion_threshold=1000*/" +
	ownSnapshots

// ownReads makes a node of a Galera cluster wait, before a SELECT or a BEGIN, until it has applied all that was acknowledged
// before on any node, and refuse to answer from what it has when it cannot know. It changes nothing elsewhere. A server that
// was built without Galera does not know it.
const ownReads = "/*M!100100 , @@SESSION.wsrep_sync_wait=1, @@SESSION.wsrep_dirty_reads=0*/"

// ownSnapshots goes behind another setting, in a comment that only servers read which know it. From MariaDB 11.6 on, a locking
// read fails by default if the row has changed since the snapshot, which would undo transactions that list and then lock.
const ownSnapshots = "/*M!110402, @@SESSION.innodb_snapshot_isolation=OFF*/"

// sessionParams returns the settings of a connection, with some of ours, as one parameter of the driver, which writes "SET name = value". With
// several parameters, their order would be random; here our own come last, and win.
func sessionParams(dsn map[string]string, own string) map[string]string {
	// https://mariadb.com/docs/server/server-management/variables-and-modes/server-system-variables
	params := map[string]string{
		"innodb_lock_wait_timeout": "2",
		"lock_wait_timeout":        "3", // for metadata locks, a day by default
		"max_statement_time":       "3",
	}
	for name, value := range dsn { // names ignore case
		params[strings.ToLower(name)] = value
	}
	var names []string
	for name := range params {
		names = append(names, name)
	}
	slices.Sort(names)
	var set strings.Builder
	for i, name := range names {
		if i > 0 {
			set.WriteString(", " + name + " = ")
		}
		set.WriteString(params[name])
	}
	set.WriteString(", @@SESSION.sql_mode='STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION'" + own)
	return map[string]string{names[0]: set.String()}
}

// A sessionRule says which values of a session variable keep the meaning of the statements of this package.
type sessionRule struct {
	name string
	good func(value string) bool
	want string
}

// sessionRules are for connections that are not those of Open. A server that lacks a variable is fine.
var sessionRules = []sessionRule{
	{"autocommit", isOneOf("ON"), "ON"},
	{"completion_type", isOneOf("NO_CHAIN"), "NO_CHAIN"},
	{"tx_isolation", isNone("READ-UNCOMMITTED"), "REPEATABLE-READ"},
	{"transaction_isolation", isNone("READ-UNCOMMITTED"), "REPEATABLE-READ"}, // its other name since 11.1
	{"tx_read_only", isOneOf("OFF"), "OFF"},
	{"transaction_read_only", isOneOf("OFF"), "OFF"},
	{"sql_big_selects", isOneOf("ON"), "ON"},
	{"sql_safe_updates", isOneOf("OFF"), "OFF"},
	{"sql_auto_is_null", isOneOf("OFF"), "OFF"},
	{"foreign_key_checks", isOneOf("ON"), "ON"},
	{"unique_checks", isOneOf("ON"), "ON"},
	{"check_constraint_checks", isOneOf("ON"), "ON"},
	{"system_versioning_asof", isOneOf("DEFAULT"), "DEFAULT"},
	{"in_predicate_conversion_threshold", isOff(maxKeys), strconv.Itoa(maxKeys)},
	// bun writes texts into the statements, with backslashes for backslashes. In these character sets, a backslash can be the
	// second byte of a character.
	{"character_set_client", isNone("big5", "cp932", "gbk", "gb18030", "sjis"), "utf8mb4"},
	// An empty text must not be NULL, and a backslash must be one. ORACLE brings a grammar of its own.
	{
		"sql_mode", hasNone("NO_BACKSLASH_ESCAPES", "EMPTY_STRING_IS_NULL", "PAD_CHAR_TO_FULL_LENGTH", "ORACLE"),
		"one without NO_BACKSLASH_ESCAPES, EMPTY_STRING_IS_NULL, PAD_CHAR_TO_FULL_LENGTH and ORACLE",
	},
}

func isOneOf(good ...string) func(string) bool {
	return func(value string) bool { return slices.Contains(good, strings.ToUpper(value)) }
}

func isNone(bad ...string) func(string) bool {
	return func(value string) bool { return !slices.Contains(bad, value) }
}

func hasNone(bad ...string) func(string) bool {
	return func(value string) bool {
		return !slices.ContainsFunc(strings.Split(value, ","), func(mode string) bool { return slices.Contains(bad, mode) })
	}
}

// isOff accepts 0, which means never, and numbers from a limit on.
func isOff(limit uint64) func(string) bool {
	return func(value string) bool {
		n, err := strconv.ParseUint(value, 10, 64)
		return err == nil && (n == 0 || n >= limit)
	}
}

// lookAtSession reads the names of the database and the server, the sql_mode and whether this is a node of a cluster. It returns
// an error if a session variable of MariaDB changes what the statements of this package mean.
func (s *Store) lookAtSession(ctx context.Context) (mode string, err error) {
	// By itself, because a limit holds for SHOW too.
	limit := "0"
	err = s.db.QueryRowContext(ctx, "SELECT COALESCE(DATABASE(), ''), "+serverName+", @@SESSION.sql_select_limit").Scan(&s.database, &s.server, &limit)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return "", mapError(err)
	}
	if n, err := strconv.ParseUint(limit, 10, 64); err != nil || n < 1<<32-1 {
		return "", badVariable("sql_select_limit", limit, "18446744073709551615")
	}
	names := []string{"'wsrep_on'", "'wsrep_sync_wait'", "'wsrep_dirty_reads'"}
	for _, rule := range sessionRules {
		names = append(names, "'"+rule.name+"'")
	}
	rows, err := s.db.QueryContext(ctx, "SHOW SESSION VARIABLES WHERE Variable_name IN ("+strings.Join(names, ", ")+")")
	if err != nil {
		return "", mapError(err)
	}
	defer func() { _ = rows.Close() }() // its error is that of Err
	values := map[string]string{}
	for rows.Next() {
		var name, value string
		if err := rows.Scan(&name, &value); err != nil {
			return "", mapError(err)
		}
		values[strings.ToLower(name)] = value
	}
	if err := rows.Err(); err != nil {
		return "", mapError(err)
	}
	for _, rule := range sessionRules {
		if value, ok := values[rule.name]; ok && !rule.good(value) {
			return "", badVariable(rule.name, value, rule.want)
		}
	}
	s.node.Store(values["wsrep_on"] == "ON")
	if s.onNode() {
		return values["sql_mode"], checkNode(values)
	}
	return values["sql_mode"], nil
}

// checkNode returns an error if the session variables of a node of a cluster let reads miss what other nodes have acknowledged.
func checkNode(values map[string]string) error {
	if wait, err := strconv.Atoi(values["wsrep_sync_wait"]); err != nil || wait&1 == 0 {
		return missesChanges("wsrep_sync_wait", values["wsrep_sync_wait"], "1")
	}
	if values["wsrep_dirty_reads"] == "ON" {
		return missesChanges("wsrep_dirty_reads", "ON", "OFF")
	}
	return nil
}

func missesChanges(name, value, want string) error {
	return fmt.Errorf("ispmail: this is a node of a cluster, and the connections of this database have the session variable %s = %s, so that they miss "+
		"changes that other nodes have acknowledged: set it to %s on each connection, or let Open connect", name, value, want)
}

func badVariable(name, value, want string) error {
	return fmt.Errorf("ispmail: the connections of this database have the session variable %s = %s, which changes what statements mean: "+
		"set it to %s on each connection, or let Open connect", name, value, want)
}
