package loadbalancer

import (
	"context"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"slipway/internal/store"
)

// biggestPage is the most that a page of a list holds, and what it holds unless asked otherwise.
const biggestPage = 400

// page is a page of a list, which goes on after a key.
type page struct {
	op     string
	marker *string
	size   *int32
	key    string // the column that the list is ordered by
	where  []string
	args   []any
	wanted []string
}

// on narrows the list to rows with a value.
func (p *page) on(column string, is any) {
	p.args = append(p.args, is)
	p.where = append(p.where, fmt.Sprintf("%s = $%d", column, len(p.args)))
}

// among narrows the list to rows with one of several values.
func (p *page) among(column string, values []string) {
	var places []string
	for _, v := range values {
		p.args = append(p.args, v)
		places = append(places, fmt.Sprintf("$%d", len(p.args)))
	}
	p.wanted = values
	p.where = append(p.where, column+" IN ("+strings.Join(places, ", ")+")")
}

// missing is the first value asked for that was not found.
func (p *page) missing(found map[string]bool) string {
	if i := slices.IndexFunc(p.wanted, func(w string) bool { return !found[w] }); i >= 0 {
		return p.wanted[i]
	}
	return ""
}

// list reads a page. keyOf is what a row is ordered by.
func list[T any, K string | int64](ctx context.Context, s *Service, p page, scan func(*sql.Rows) (T, error),
	columns string, keyOf func(T) K) ([]T, *string, error) {
	size := biggestPage
	if p.size != nil {
		size = int(*p.size)
	}
	filter := append([]any{}, p.args...)
	var after *K
	if !s.Pager.Place(p.op, filter, p.marker, &after) {
		return nil, nil, invalid("The marker is not valid for this list")
	}
	if after != nil {
		p.args = append(p.args, *after)
		p.where = append(p.where, fmt.Sprintf("%s > $%d", p.key, len(p.args)))
	}
	where := ""
	if len(p.where) > 0 {
		where = "WHERE " + strings.Join(p.where, " AND ")
	}
	rows, err := store.All(ctx, s.db, scan, fmt.Sprintf("%s %s ORDER BY %s LIMIT %d", columns, where, p.key, size+1),
		p.args...)
	if err != nil || len(rows) <= size {
		return rows, nil, err
	}
	rows = rows[:size]
	return rows, s.Pager.Token(p.op, filter, keyOf(rows[size-1])), nil
}
