package loadbalancer

import (
	"fmt"

	elb "slipway/api/elbv2"
)

// refused answers what is asked for by name and not there.
func refused(format string, args ...any) error {
	return &elb.InvalidConfigurationRequestException{Message: "Slipway does not do this: " +
		fmt.Sprintf(format, args...)}
}

func noTransforms() error {
	return refused("transforms of a rule; requests reach their target with the host and the path that the client sent")
}

func noBalancer(what string) error {
	return &elb.LoadBalancerNotFoundException{Message: fmt.Sprintf("Load balancers '[%s]' not found", what)}
}

func noListener() error {
	return &elb.ListenerNotFoundException{Message: "One or more listeners not found"}
}

func noRule() error { return &elb.RuleNotFoundException{Message: "One or more rules not found"} }

func noGroup() error {
	return &elb.TargetGroupNotFoundException{Message: "One or more target groups not found"}
}
