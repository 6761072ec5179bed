package analysis

import (
	"fmt"
	"strconv"
	"time"
)

func ms(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// duration says a latency with two or three digits.
func duration(d time.Duration) string {
	switch {
	case d >= 10*time.Second:
		return fmt.Sprintf("%.0f s", d.Seconds())
	case d >= time.Second:
		return fmt.Sprintf("%.1f s", d.Seconds())
	case d >= 10*time.Millisecond:
		return fmt.Sprintf("%.0f ms", ms(d))
	case d >= 100*time.Microsecond:
		return fmt.Sprintf("%.1f ms", ms(d))
	}
	return fmt.Sprintf("%.2f ms", ms(d))
}

func percent(x, n int64) float64 {
	if n == 0 {
		return 0
	}
	return 100 * float64(x) / float64(n)
}

func share(x, n int64) string { return number(percent(x, n)) + " %" }

// number says a percentage with as many digits as tell something.
func number(p float64) string {
	digits := 1
	switch {
	case p == float64(int64(p)):
		digits = 0
	case p < 0.1:
		digits = 3
	case p < 1:
		digits = 2
	}
	return strconv.FormatFloat(p, 'f', digits, 64)
}

func requests(n int64) string {
	if n == 1 {
		return "1 request"
	}
	return strconv.FormatInt(n, 10) + " requests"
}
