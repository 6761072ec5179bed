package metric

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Point is what was measured in the period that begins at Time.
type Point struct {
	Time time.Time
	Summary
}

// Statistics are the measurements of a metric from one time to before another, in periods that begin at from; periods
// without any are left out. unit is that of the metric, "" if the metric has none.
func (s *Store) Statistics(ctx context.Context, id ID, from, to time.Time,
	period time.Duration) (points []Point, unit string, err error) {
	add := func(at int64, v Summary) {
		if v.Count == 0 {
			return
		}
		begin := from.Add(time.Unix(at, 0).Sub(from) / period * period)
		if n := len(points); n > 0 && points[n-1].Time.Equal(begin) {
			points[n-1].Add(v)
			return
		}
		i, found := slices.BinarySearchFunc(points, begin, func(p Point, t time.Time) int { return p.Time.Compare(t) })
		if found {
			points[i].Add(v)
			return
		}
		p := Point{Time: begin}
		p.Add(v)
		points = slices.Insert(points, i, p)
	}
	id = id.Sorted()
	if id.Namespace != LoadBalancers {
		err = scan(ctx, s, id.series(), s.customLine, from.Unix(), to.Unix(), add)
		return points, "", err
	}
	r, ok := readings()[id.Name]
	if !ok {
		return nil, "", nil
	}
	for _, p := range s.pairs(func(p pair) bool { return p.matches(id.Dimensions) }) {
		if r.gauge != nil {
			err = s.gauge(ctx, p, r, from, to, period, add)
		} else {
			err = scan(ctx, s, p.series(), s.trafficLine, from.Unix(),
				to.Unix(), func(at int64, t Traffic) { add(at, r.summary(t)) })
		}
		if err != nil {
			return nil, "", err
		}
	}
	return points, r.unit, nil
}

// gauge reads a number that stays until another is reported: each period begins with the one before it.
func (s *Store) gauge(ctx context.Context, p pair, r reading, from, to time.Time, period time.Duration,
	add func(int64, Summary)) error {
	var last *int32
	if err := scan(ctx, s, p.series(), s.trafficLine, from.Add(-fine).Unix(), from.Unix(), func(_ int64, t Traffic) {
		if n := r.gauge(t); n != nil {
			last = n
		}
	}); err != nil {
		return err
	}
	at := from
	carry := func(until int64) { // the number at the beginning of every period up to a time
		for ; !at.After(time.Unix(until, 0)) && at.Before(to); at = at.Add(period) {
			if last != nil {
				add(at.Unix(), Summarise([]Value{{float64(*last), 1}}))
			}
		}
	}
	err := scan(ctx, s, p.series(), s.trafficLine, from.Unix(), to.Unix(), func(second int64, t Traffic) {
		carry(second)
		if n := r.gauge(t); n != nil {
			last = n
			add(second, Summarise([]Value{{float64(*n), 1}}))
		}
	})
	carry(min(to.Unix(), s.now().Unix()))
	return err
}

// Window is the traffic of a target group, behind whatever load balancers, from one time to before another.
func (s *Store) Window(ctx context.Context, group string, from, to time.Time) (Traffic, error) {
	all, err := s.Windows(ctx, group, from, to, max(time.Second, to.Sub(from)))
	var sum Traffic
	for _, t := range all {
		sum.Add(t)
	}
	return sum, err
}

// Windows is the same in steps: as many as begin before to.
func (s *Store) Windows(ctx context.Context, group string, from, to time.Time, step time.Duration) ([]Traffic, error) {
	out := make([]Traffic, max(0, int((to.Sub(from)+step-1)/step)))
	for _, p := range s.pairs(func(p pair) bool { return p.group == group }) {
		err := scan(ctx, s, p.series(), s.trafficLine, from.Unix(), to.Unix(), func(at int64, t Traffic) {
			if i := int(max(0, time.Unix(at, 0).Sub(from)) / step); i < len(out) {
				out[i].Add(t)
			}
		})
		if err != nil {
			return nil, err
		}
	}
	return out, nil
}

// IDs are the metrics that were measured since a time, to the hour, in the order of their keys: those that were put,
// and what each target group and load balancer has.
func (s *Store) IDs(since time.Time) []ID {
	s.mu.Lock()
	names := make([]string, 0, len(s.seen))
	for series, seen := range s.seen {
		if seen == 0 || seen >= since.Unix()-3600 {
			names = append(names, series)
		}
	}
	s.mu.Unlock()
	slices.Sort(names)
	var out []ID
	known := map[string]bool{}
	for _, series := range names {
		p, id, custom := parse(series)
		if custom {
			out = append(out, id)
			continue
		}
		group, balancer := Dimension{"TargetGroup", dimension(p.group)}, Dimension{"LoadBalancer",
			dimension(p.balancer)}
		for _, dimensions := range [][]Dimension{{balancer, group}, {group}, {balancer}} {
			if key := fmt.Sprint(dimensions); p.group == "" && len(dimensions) != 1 || known[key] ||
				slices.Contains(dimensions, Dimension{"TargetGroup", ""}) {
				continue
			}
			known[fmt.Sprint(dimensions)] = true
			for _, name := range Names() {
				if readings()[name].gauge == nil || slices.Contains(dimensions, group) {
					out = append(out, ID{LoadBalancers, name, dimensions})
				}
			}
		}
	}
	slices.SortFunc(out, func(a, b ID) int { return strings.Compare(a.series(), b.series()) })
	return out
}

// Key is a text that orders metrics and tells them apart.
func (id ID) Key() string { return id.Sorted().series() }

// pairs are the target groups and load balancers that were ever reported, in order.
func (s *Store) pairs(want func(pair) bool) []pair {
	s.mu.Lock()
	defer s.mu.Unlock()
	var out []pair
	for series := range s.seen {
		if p, _, custom := parse(series); !custom && want(p) {
			out = append(out, p)
		}
	}
	slices.SortFunc(out, func(a, b pair) int { return strings.Compare(a.series(), b.series()) })
	return out
}

func (s *Store) trafficLine(series string) *line[Traffic] { return s.traffic[series] }
func (s *Store) customLine(series string) *line[Summary]  { return s.custom[series] }

// scan visits what a series measured from one second to before another, in order: the older from the database, as
// whole slots that begin in that time, the rest from memory.
func scan[T any](ctx context.Context, s *Store, series string, lineOf func(string) *line[T], from, to int64,
	visit func(at int64, v T)) error {
	s.mu.Lock()
	began := s.began
	here := began
	var recent []second[T]
	if l := lineOf(series); l != nil {
		here = l.from
		recent = slices.Clone(l.between(max(from, here), to))
	}
	s.mu.Unlock()
	if here == began { // others may have written to the slot in which this process began
		here = began - began%slot + 1
	}
	if err := s.read(ctx, series, ceil(from), min(to, here), func(at int64, doc string) error {
		var v T
		err := json.Unmarshal([]byte(doc), &v)
		visit(at, v)
		return err
	}); err != nil {
		return err
	}
	for _, x := range recent {
		visit(x.at, x.v)
	}
	return nil
}

// read visits the slots of a series that begin in a stretch of time. This process's own part of the slot in which it
// began is left out: it is in memory, second by second.
func (s *Store) read(ctx context.Context, series string, from, to int64, visit func(at int64, doc string) error) error {
	if from >= to {
		return nil
	}
	s.mu.Lock()
	own, slotOfBegin := s.writer, s.began-s.began%slot
	s.mu.Unlock()
	rows, err := s.db.Query(ctx,
		`SELECT time, writer, doc FROM metric_rows WHERE series = $1 AND time >= $2 AND time < $3 ORDER BY time`,
		series, from, to)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var at int64
		var writer, doc string
		if err := rows.Scan(&at, &writer, &doc); err != nil {
			return err
		}
		if at == slotOfBegin && strings.HasPrefix(writer, own) {
			continue
		}
		if err := visit(at, doc); err != nil {
			return err
		}
	}
	return rows.Err()
}
