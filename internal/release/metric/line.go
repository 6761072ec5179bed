package metric

import (
	"slices"
	"sort"
)

// line is what one series measured, second by second, in order.
type line[T any] struct {
	seconds []second[T]
	from    int64 // the beginning of a slot: all since then is here, what was before is in the database
}

type second[T any] struct {
	at int64
	v  T
}

// put adds to a second; add puts two values of the same second together. What is before from is not for here.
func (l *line[T]) put(at int64, v T, add func(*T, T)) (grown int) {
	if at < l.from {
		return 0
	}
	i := sort.Search(len(l.seconds), func(i int) bool { return l.seconds[i].at >= at })
	if i < len(l.seconds) && l.seconds[i].at == at {
		add(&l.seconds[i].v, v)
		return 0
	}
	l.seconds = slices.Insert(l.seconds, i, second[T]{at, v})
	return 1
}

// between are the seconds from one to before another.
func (l *line[T]) between(from, to int64) []second[T] {
	i := sort.Search(len(l.seconds), func(i int) bool { return l.seconds[i].at >= from })
	j := sort.Search(len(l.seconds), func(j int) bool { return l.seconds[j].at >= to })
	return l.seconds[i:max(i, j)]
}

// forget drops what is before the slot of a time.
func (l *line[T]) forget(before int64) (dropped int) {
	before -= before % slot
	n := sort.Search(len(l.seconds), func(i int) bool { return l.seconds[i].at >= before })
	l.seconds = slices.Delete(l.seconds, 0, n)
	l.from = max(l.from, before)
	return n
}
