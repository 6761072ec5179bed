package metric

import (
	"slices"
	"strings"
)

// LoadBalancers is the namespace of what routers report.
const LoadBalancers = "AWS/ApplicationELB"

// Dimension is a name and a value.
type Dimension struct{ Name, Value string }

// ID names a metric: two of the same namespace and name with other dimensions are two.
type ID struct {
	Namespace, Name string
	Dimensions      []Dimension // by name
}

// Sorted returns the ID with its dimensions in order.
func (id ID) Sorted() ID {
	id.Dimensions = slices.Clone(id.Dimensions)
	slices.SortFunc(id.Dimensions, func(a, b Dimension) int { return strings.Compare(a.Name, b.Name) })
	return id
}

// Series are named by what was measured, with a byte between the parts that none of them holds: traffic of a target
// group behind a load balancer, or a metric that somebody put.
const (
	separator   = "\x1f"
	trafficKind = "t"
	customKind  = "c"
)

// pair is a target group behind a load balancer, as ARNs.
type pair struct{ group, balancer string }

func (p pair) series() string {
	return strings.Join([]string{trafficKind, p.group, p.balancer}, separator)
}

func (id ID) series() string {
	parts := []string{customKind, id.Namespace, id.Name}
	for _, d := range id.Dimensions {
		parts = append(parts, d.Name, d.Value)
	}
	return strings.Join(parts, separator)
}

// parse reads a series' name.
func parse(series string) (p pair, id ID, custom bool) {
	parts := strings.Split(series, separator)
	if parts[0] == trafficKind && len(parts) == 3 {
		return pair{parts[1], parts[2]}, ID{}, false
	}
	if parts[0] == customKind && len(parts) >= 3 {
		id.Namespace, id.Name = parts[1], parts[2]
		for i := 3; i+1 < len(parts); i += 2 {
			id.Dimensions = append(id.Dimensions, Dimension{parts[i], parts[i+1]})
		}
	}
	return pair{}, id, true
}

// Valid reports whether the parts of an ID can be kept.
func (id ID) Valid() bool {
	if strings.Contains(id.Namespace+id.Name, separator) {
		return false
	}
	return !slices.ContainsFunc(
		id.Dimensions, func(d Dimension) bool { return strings.Contains(d.Name+d.Value, separator) })
}

// dimension is what CloudWatch calls a resource of a load balancer: the end of its ARN.
func dimension(arn string) string {
	i := strings.LastIndex(arn, ":")
	return strings.TrimPrefix(arn[i+1:], "loadbalancer/")
}

// matches reports whether a target group behind a load balancer belongs to a metric of AWS/ApplicationELB, whose
// dimensions are TargetGroup, LoadBalancer, or both.
func (p pair) matches(dimensions []Dimension) bool {
	for _, d := range dimensions {
		switch {
		case d.Name == "TargetGroup" && d.Value == dimension(p.group):
		case d.Name == "LoadBalancer" && d.Value == dimension(p.balancer):
		default:
			return false
		}
	}
	return len(dimensions) > 0
}
