package rollout

import "slices"

// Lifecycle events that mean something here (reference-appspec-file-structure-hooks.md). What else a unit goes through
// is known to its platform alone.
const (
	ApplicationStop    = "ApplicationStop"
	Install            = "Install"
	BeforeBlockTraffic = "BeforeBlockTraffic"
	BlockTraffic       = "BlockTraffic"
	AfterBlockTraffic  = "AfterBlockTraffic"
	BeforeAllowTraffic = "BeforeAllowTraffic"
	AllowTraffic       = "AllowTraffic"
	AfterAllowTraffic  = "AfterAllowTraffic"
)

func block() []string { return []string{BeforeBlockTraffic, BlockTraffic, AfterBlockTraffic} }
func allow() []string { return []string{BeforeAllowTraffic, AllowTraffic, AfterAllowTraffic} }

// InPlace are the lifecycle events of a unit of an in-place deployment. With traffic, it leaves its target groups
// before the install events and joins them again afterwards.
func InPlace(install []string, traffic bool) []string {
	if !traffic {
		return slices.Clone(install)
	}
	return slices.Concat(block(), install, allow())
}

// Replacement are the lifecycle events of a unit that takes the traffic over in a blue/green deployment.
func Replacement(install []string) []string { return slices.Concat(install, allow()) }

// Originals are the lifecycle events of a unit that hands the traffic over. With terminate, its application is stopped
// at the end.
func Originals(terminate bool) []string {
	if terminate {
		return append(block(), ApplicationStop)
	}
	return block()
}

// Mirrored are the lifecycle events of a unit that gets its traffic back when a blue/green deployment is rolled back.
func Mirrored() []string { return allow() }
