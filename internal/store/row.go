package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
)

func isNoRows(err error) bool { return errors.Is(err, sql.ErrNoRows) }

// All reads every row of a query.
func All[T any](ctx context.Context, q Queryer, scan func(*sql.Rows) (T, error), query string,
	args ...any) ([]T, error) {
	rows, err := q.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []T
	for rows.Next() {
		v, err := scan(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, v)
	}
	return all, rows.Err()
}

// Strings reads a query of one text column.
func Strings(ctx context.Context, q Queryer, query string, args ...any) ([]string, error) {
	return All(ctx, q, func(r *sql.Rows) (s string, err error) { return s, r.Scan(&s) }, query, args...)
}

// Documents reads a query of one document column.
func Documents[T any](ctx context.Context, q Queryer, query string, args ...any) ([]*T, error) {
	return All(ctx, q, func(r *sql.Rows) (*T, error) {
		v := new(T)
		return v, r.Scan(JSON(v))
	}, query, args...)
}

// Find reads the columns of one row. It returns false if there is none.
func Find(ctx context.Context, q Queryer, into []any, query string, args ...any) (ok bool, err error) {
	err = q.QueryRow(ctx, query, args...).Scan(into...)
	if isNoRows(err) {
		return false, nil
	}
	return err == nil, err
}

// Document reads the document of one row, or returns nil if there is none.
func Document[T any](ctx context.Context, q Queryer, query string, args ...any) (*T, error) {
	v := new(T)
	if ok, err := Find(ctx, q, []any{JSON(v)}, query, args...); err != nil || !ok {
		return nil, err
	}
	return v, nil
}

// Column is a value in a document column.
type Column struct{ v any }

// JSON makes the value of a document column from any value to write, or from a pointer to read into. The column holds
// JSON text. Reading tolerates unknown and missing members.
func JSON(v any) Column { return Column{v} }

// Value implements driver.Valuer.
func (c Column) Value() (driver.Value, error) {
	text, err := json.Marshal(c.v)
	return string(text), err
}

// Scan implements sql.Scanner.
func (c Column) Scan(from any) error {
	switch text := from.(type) {
	case string:
		return json.Unmarshal([]byte(text), c.v)
	case []byte:
		return json.Unmarshal(text, c.v)
	}
	return fmt.Errorf("a document column holds a %T", from)
}

// In returns the list ($from, $from+1, …) for n values, to follow IN. The list of no values matches nothing.
func In(from, n int) string {
	if n == 0 {
		return "(NULL)"
	}
	var b strings.Builder
	for i := range n {
		b.WriteString(", $" + strconv.Itoa(from+i))
	}
	return "(" + b.String()[2:] + ")"
}

// Args are values as the arguments of a statement.
func Args[T any](values []T) []any {
	args := make([]any, len(values))
	for i, v := range values {
		args[i] = v
	}
	return args
}
