package metric

import (
	"maps"
	"slices"
)

// reading takes a metric of AWS/ApplicationELB out of traffic. Counts are as a load balancer reports them: only what is
// not zero, each one a datapoint of 1 (load-balancer-cloudwatch-metrics).
type reading struct {
	unit  string
	count func(Traffic) int64  // of a counter
	gauge func(Traffic) *int32 // of a number that stays until it changes
}

func readings() map[string]reading {
	return map[string]reading{
		"RequestCount":               {"Count", func(t Traffic) int64 { return t.Requests }, nil},
		"HTTPCode_Target_2XX_Count":  {"Count", func(t Traffic) int64 { return t.Target2xx }, nil},
		"HTTPCode_Target_3XX_Count":  {"Count", func(t Traffic) int64 { return t.Target3xx }, nil},
		"HTTPCode_Target_4XX_Count":  {"Count", func(t Traffic) int64 { return t.Target4xx }, nil},
		"HTTPCode_Target_5XX_Count":  {"Count", func(t Traffic) int64 { return t.Target5xx }, nil},
		"HTTPCode_ELB_5XX_Count":     {"Count", func(t Traffic) int64 { return t.Elb5xx }, nil},
		"HTTPCode_ELB_4XX_Count":     {"Count", func(t Traffic) int64 { return t.Elb4xx }, nil},
		"TargetConnectionErrorCount": {"Count", func(t Traffic) int64 { return t.ConnectionErrors }, nil},
		"TargetResponseTime":         {"Seconds", nil, nil},
		"HealthyHostCount":           {"Count", nil, func(t Traffic) *int32 { return t.Healthy }},
		"UnHealthyHostCount":         {"Count", nil, func(t Traffic) *int32 { return t.Unhealthy }},
	}
}

// Names are the metrics of AWS/ApplicationELB, in order.
func Names() []string { return slices.Sorted(maps.Keys(readings())) }

func (r reading) summary(t Traffic) Summary {
	switch {
	case r.count != nil:
		return Summarise([]Value{{1, float64(r.count(t))}})
	case r.gauge != nil:
		if n := r.gauge(t); n != nil {
			return Summarise([]Value{{float64(*n), 1}})
		}
		return Summary{}
	}
	return t.ResponseTime()
}
