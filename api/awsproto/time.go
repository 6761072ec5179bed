package awsproto

import (
	"fmt"
	"math"
	"strconv"
	"time"
)

// Time is a point in time on the wire. AWS JSON has a number of seconds since 1970 with up to three decimals, Query and
// XML have ISO 8601 text.
type Time struct{ time.Time }

// At returns t as a wire time, in UTC and cut to milliseconds, which is what the wire can carry.
func At(t time.Time) *Time { return &Time{t.UTC().Truncate(time.Millisecond)} }

// MarshalJSON writes epoch seconds.
func (t Time) MarshalJSON() ([]byte, error) {
	ms := t.UnixMilli()
	if ms%1000 == 0 {
		return strconv.AppendInt(nil, ms/1000, 10), nil
	}
	return strconv.AppendFloat(nil, float64(ms)/1000, 'f', 3, 64), nil
}

// UnmarshalJSON reads epoch seconds with an optional fraction. It refuses ISO 8601, as AWS does.
func (t *Time) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		return nil
	}
	f, err := strconv.ParseFloat(string(b), 64)
	if err != nil || math.IsNaN(f) || math.Abs(f) > 1e12 {
		return fmt.Errorf("a timestamp must be a number of seconds since 1970, not %.40q", b)
	}
	t.Time = time.UnixMilli(int64(math.Round(f * 1000))).UTC()
	return nil
}
