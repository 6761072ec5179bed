package router

import (
	"testing"

	"pgregory.net/rapid"
)

// TestChoiceIsExact: in any run of requests, wherever it begins, two groups come as often as their weights say, to
// less than one request; more groups to less than their number.
func TestChoiceIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		weights := rapid.SliceOfN(rapid.IntRange(0, 999), 1, 5).Draw(t, "weights")
		total, some := 0, 0
		for _, w := range weights {
			total += w
			if w > 0 {
				some++
			}
		}
		c := newChoice(weights)
		if total == 0 {
			if _, ok := c.pick(); ok {
				t.Fatal("picked where all weights are zero")
			}
			return
		}
		for range rapid.IntRange(0, 3000).Draw(t, "before") {
			c.pick()
		}
		counts := make([]int, len(weights))
		for n := 1; n <= 2000; n++ {
			i, _ := c.pick()
			counts[i]++
			for i, w := range weights {
				off := float64(counts[i]) - float64(n)*float64(w)/float64(total)
				if limit := float64(max(2, some)); off >= limit || off <= -limit {
					t.Fatalf("after %d requests group %d of %v got %d: off by %.2f", n, i, weights, counts[i], off)
				}
			}
		}
	})
}

func TestWindowOfThousand(t *testing.T) {
	for _, green := range []int{1, 5, 10, 33, 50, 90, 99} {
		c := newChoice([]int{100 - green, green})
		var got []int
		for range 5000 {
			i, _ := c.pick()
			got = append(got, i)
		}
		for start := 0; start+1000 <= len(got); start++ {
			n := 0
			for _, i := range got[start : start+1000] {
				n += i
			}
			if n < green*10-10 || n > green*10+10 {
				t.Fatalf("%d%%: %d of the 1000 requests from %d", green, n, start)
			}
		}
	}
}

func TestChoiceGoesOn(t *testing.T) {
	c := newChoice([]int{90, 10})
	if !c.sameWeights([]int{90, 10}) || c.sameWeights([]int{10, 90}) || (*choice)(nil).sameWeights(nil) {
		t.Error("whether weights are the same")
	}
}
