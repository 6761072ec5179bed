//go:build !slipway_fault

// Package fault has the points at which kill tests end the process. They cost nothing unless the binary is built with
// the tag slipway_fault.
package fault

// Point does nothing in this build.
func Point(string) {}

// Panic does nothing in this build.
func Panic(string) {}

// Statement does nothing in this build.
func Statement(string) {}
