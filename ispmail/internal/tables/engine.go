package tables

// ToInnoDB returns what helps a table whose engine has no transactions. A node of a cluster has such rows alone: ALTER TABLE
// would change the table on all nodes, each with the rows that it has.
func ToInnoDB(table string, onNode bool) string {
	if onNode {
		return "a cluster keeps such rows on one node alone, and ALTER TABLE does not take them to the others: export them there, make the tables anew with ENGINE=InnoDB, and restore"
	}
	return "ALTER TABLE " + table + " ENGINE=InnoDB"
}
