package rollout

// Lifecycle events that are more than a name here (reference-appspec-file-structure-hooks.md).
const (
	ApplicationStop    = "ApplicationStop"
	BeforeBlockTraffic = "BeforeBlockTraffic"
	BlockTraffic       = "BlockTraffic"
	AfterBlockTraffic  = "AfterBlockTraffic"
	BeforeAllowTraffic = "BeforeAllowTraffic"
	AllowTraffic       = "AllowTraffic"
	AfterAllowTraffic  = "AfterAllowTraffic"
)

func block() []string { return []string{BeforeBlockTraffic, BlockTraffic, AfterBlockTraffic} }
func allow() []string { return []string{BeforeAllowTraffic, AllowTraffic, AfterAllowTraffic} }

func install() []string {
	return []string{ApplicationStop, "DownloadBundle", "BeforeInstall", "Install", "AfterInstall", "ApplicationStart",
		"ValidateService"}
}

// InPlace are the lifecycle events of a host of an in-place deployment; with traffic it leaves its target group first,
// and joins it again at the end.
func InPlace(traffic bool) []string {
	if !traffic {
		return install()
	}
	return append(append(block(), install()...), allow()...)
}

// Replacement are the lifecycle events of a host that takes the traffic over in a blue/green deployment.
func Replacement() []string { return append(install(), allow()...) }

// Originals are the lifecycle events of a host that hands the traffic over; with terminate its application is stopped
// at the end.
func Originals(terminate bool) []string {
	if terminate {
		return append(block(), ApplicationStop)
	}
	return block()
}

// Mirrored are the lifecycle events of a host that gets its traffic back when a blue/green deployment is rolled back.
func Mirrored() []string { return allow() }
