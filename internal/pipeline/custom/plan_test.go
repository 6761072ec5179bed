package custom_test

import "database/sql"

// scanPlan reads a line of a query's plan.
func scanPlan(r *sql.Rows) (line string, err error) {
	var id, parent, unused int64
	err = r.Scan(&id, &parent, &unused, &line)
	return line, err
}
