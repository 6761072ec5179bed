package kit

import (
	"fmt"
	"net/http/httptest"
	"testing"
)

// TestSlices walks through lists of pages by what each page says is next, and meets everything once.
func TestSlices(t *testing.T) {
	for _, n := range []int{0, 1, 50, 51, 100, 101, 250} {
		var all []string
		for i := range n {
			all = append(all, fmt.Sprint(i))
		}
		// The list has pages of a hundred.
		list := func(after string) ([]string, *string) {
			from := 0
			_, _ = fmt.Sscan(after, &from)
			to := min(from+100, len(all))
			if to == len(all) {
				return all[from:to], nil
			}
			return all[from:to], new(fmt.Sprint(to))
		}
		var met []string
		for at := "/builds"; at != ""; {
			r := httptest.NewRequest("GET", at, nil)
			ids, next := list(r.URL.Query().Get("after"))
			ids, at = Slice(r, ids, next)
			if len(ids) > partRows {
				t.Errorf("%d rows", len(ids))
			}
			met = append(met, ids...)
		}
		if fmt.Sprint(met) != fmt.Sprint(all) {
			t.Errorf("of %d: %v", n, met)
		}
	}
}
