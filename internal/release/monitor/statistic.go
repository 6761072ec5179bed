package monitor

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/api/awsproto"
	cw "slipway/api/cloudwatch"
	"slipway/internal/release/metric"
)

func invalid(format string, args ...any) error {
	return &awsproto.Error{Code: "ValidationError", Message: fmt.Sprintf(format, args...)}
}

// unsupported refuses by name what CloudWatch has and Slipway does not.
func unsupported(what string) error {
	return &awsproto.Error{Code: "NotImplementedException", Status: 501, Message: "Slipway does not implement " + what}
}

// checkStatistic refuses what statistic does not know: the five of old, and percentiles p0 to p100.
func checkStatistic(name string) error {
	if slices.Contains([]string{"SampleCount", "Average", "Sum", "Minimum", "Maximum"}, name) {
		return nil
	}
	if _, ok := percentile(name); ok {
		return nil
	}
	for _, known := range []string{"tm", "wm", "tc", "ts", "IQM", "iqm", "PR", "TM", "WM", "TC", "TS"} {
		if strings.HasPrefix(name, known) {
			return unsupported("the statistic " + name + "; percentiles are written p95 or p99.9")
		}
	}
	return invalid("The value %.50s for parameter ExtendedStatistic is not supported.", name)
}

func percentile(name string) (q float64, ok bool) {
	number, found := strings.CutPrefix(name, "p")
	p, err := strconv.ParseFloat(number, 64)
	if !found || err != nil || math.IsNaN(p) || p < 0 || p > 100 || strings.ContainsAny(number, "eExX+_ ") {
		return 0, false
	}
	return p / 100, true
}

// statistic takes a checked statistic out of a summary; ok is false if it cannot be known.
func statistic(s metric.Summary, name string) (v float64, ok bool) {
	switch name {
	case "SampleCount":
		return s.Count, true
	case "Average":
		return s.Average(), true
	case "Sum":
		return s.Sum, true
	case "Minimum":
		return s.Min, true
	case "Maximum":
		return s.Max, true
	}
	q, _ := percentile(name)
	return s.Quantile(q)
}

// checkPeriod takes CloudWatch's periods, and 1 and 5 seconds for alarms as well.
func checkPeriod(seconds int32) error {
	if slices.Contains([]int32{1, 5, 10, 20, 30}, seconds) || seconds > 0 && seconds%60 == 0 {
		return nil
	}
	return invalid("The period %d is not one of 1, 5, 10, 20, 30, or a multiple of 60 seconds.", seconds)
}

func identity(namespace, name *string, dimensions []cw.Dimension) metric.ID {
	id := metric.ID{Namespace: awsproto.Value(namespace), Name: awsproto.Value(name)}
	for _, d := range dimensions {
		id.Dimensions = append(id.Dimensions,
			metric.Dimension{Name: awsproto.Value(d.Name), Value: awsproto.Value(d.Value)})
	}
	return id.Sorted()
}

func checkID(id metric.ID) error {
	if !id.Valid() {
		return invalid("The namespace, the name and the dimensions of a metric must not contain control characters.")
	}
	for i := 1; i < len(id.Dimensions); i++ {
		if id.Dimensions[i].Name == id.Dimensions[i-1].Name {
			return invalid("The dimension %s is given twice.", id.Dimensions[i].Name)
		}
	}
	return nil
}

func seconds(n *int32) time.Duration {
	if n == nil {
		return 0
	}
	return time.Duration(*n) * time.Second
}
