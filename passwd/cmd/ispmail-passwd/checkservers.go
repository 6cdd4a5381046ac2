package main

import (
	"context"
	"database/sql"
	"errors"
	"slices"
	"strings"
	"sync"

	"github.com/go-sql-driver/mysql"

	"github.com/ispmail/go-ispmail/ispmail"
	"github.com/ispmail/go-ispmail/passwd/internal/command"
	"github.com/ispmail/go-ispmail/passwd/internal/database"
)

// checkServers tries each of several servers by itself, because the one that serves hides those that would not. A server that
// cannot be used is no failure: there are others.
func (s *settings) checkServers(ctx context.Context, say sayer) {
	servers, err := ispmail.ParseDSN(s.dsn)
	if err != nil || len(servers) < 2 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, database.Timeout)
	defer cancel()
	nodes, errs := make([]bool, len(servers)), make([]error, len(servers))
	var all sync.WaitGroup
	for i, server := range servers {
		all.Go(func() { nodes[i], errs[i] = s.tryServer(ctx, server) })
	}
	all.Wait()
	isCluster := slices.Contains(nodes, true)
	for i, server := range servers {
		switch {
		case errs[i] != nil:
			say("warn", "The server %s cannot be used for changes: %s.", server.Addr, strings.TrimPrefix(command.Text(errs[i]), "database unavailable: "))
		case isCluster && !nodes[i]:
			say("warn", "The server %s is no node of the cluster of the others, and is not used.", server.Addr)
		default:
			say("ok", "The server %s can be used.", server.Addr)
		}
	}
}

// tryServer tries whether one of several servers takes changes, and reports whether it is a node of a cluster.
func (s *settings) tryServer(ctx context.Context, server *mysql.Config) (node bool, err error) {
	store, err := ispmail.Open(ctx, server.FormatDSN(), ispmail.Config{Hasher: s.hasher, Logger: s.logger(s.stderr)})
	if err != nil {
		return false, err
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	var name, value string
	err = store.DB().QueryRowContext(ctx, "SHOW SESSION VARIABLES LIKE 'wsrep_on'").Scan(&name, &value)
	if err != nil && !errors.Is(err, sql.ErrNoRows) { // none: it was built without Galera
		return false, err
	}
	return value == "ON", canWrite(ctx, store)
}
