package metric

import (
	"testing"
	"time"

	"slipway/internal/store/storetest"
)

// What a router tells one server counts at another on the same PostgreSQL, once, second by second, also after notices
// were lost.
func TestMeasurementsOfAnotherServer(t *testing.T) {
	t.Parallel()
	dsn := storetest.Postgres(t).Database(t)
	here, there := open(t, dsn), open(t, dsn)
	storetest.Work(t, here.db)
	storetest.Work(t, there.db)
	start := here.now.read().Add(time.Minute)
	tell := func(seconds int) {
		for range seconds {
			here.sample(10, 0, time.Millisecond, nil)
			here.now.set(here.now.read().Add(time.Second))
		}
		there.now.set(here.now.read())
	}
	requests := func(want float64, when string) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for {
			got := there.statistics("RequestCount", start, 1, 10*time.Minute, ofGroup)
			if len(got) == 1 && got[0].Sum == want {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%s the other server counts %+v, want %v", when, got, want)
			}
			if len(got) == 0 { // it did not listen yet: what was told before is read from the database
				if err := here.Flush(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	tell(60)
	if err := here.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	start = here.now.read()
	there.missed()
	tell(5)
	requests(50, "after 5 seconds")
	if err := here.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	requests(50, "after they were written down")
	there.missed()
	requests(50, "after a gap")
	tell(15)
	if err := here.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	requests(200, "after the gap")
}
