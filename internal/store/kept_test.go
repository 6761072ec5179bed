package store

import (
	"errors"
	"testing"
)

// What is kept is read once, again after a change, and not kept if it changed while it was read or could not be read.
func TestKept(t *testing.T) {
	var k Kept[int]
	reads := 0
	get := func(want int, during func() error) {
		t.Helper()
		got, err := k.Get(func() (int, error) { reads++; return reads, during() })
		if err == nil && got != want {
			t.Errorf("got %d, want %d", got, want)
		}
	}
	quiet := func() error { return nil }
	get(1, quiet)
	get(1, quiet)
	k.Forget()
	get(2, func() error { k.Forget(); return nil })
	get(3, func() error { return errors.New("no database") })
	get(4, quiet)
	get(4, quiet)
}
