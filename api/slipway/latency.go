package slipway

import (
	"math"
	"time"
)

// bucketsPerOctave is how finely latencies are told apart: neighbours differ by 4.4 %.
const bucketsPerOctave = 16

// LatencyBucketOf is the number of the bucket that a latency falls into: bucket i holds those from 2^(i/16)
// microseconds up to, not including, 2^((i+1)/16). What is faster than a microsecond is in bucket 0.
func LatencyBucketOf(d time.Duration) int {
	us := float64(d) / float64(time.Microsecond)
	if us < 1 {
		return 0
	}
	return int(math.Floor(math.Log2(us) * bucketsPerOctave))
}

// LatencyOf is the latency that stands for a bucket: the geometric middle of its bounds.
func LatencyOf(bucket int) time.Duration {
	return time.Duration(math.Exp2((float64(bucket)+0.5)/bucketsPerOctave) * float64(time.Microsecond))
}
