package buildspec

import (
	"cmp"
	"slices"
)

// Unsupported names what of the file this version of Slipway does not execute, in the file's order.
func (s *Spec) Unsupported() []Unsupported {
	out := s.unsupportedCommands()
	if s.Proxy.UploadArtifacts || s.Proxy.Logs {
		out = append(out, Unsupported{s.placed["proxy"], "proxy", "there is no explicit proxy server", false})
	}
	slices.SortStableFunc(out, func(a, b Unsupported) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return out
}

// unsupportedCommands is what commands are not given, or not run as.
func (s *Spec) unsupportedCommands() (out []Unsupported) {
	add := func(what string, refuse bool, why string) {
		out = append(out, Unsupported{s.placed[what], what, why, refuse})
	}
	if s.Env.Shell == "powershell.exe" || s.Env.Shell == "cmd.exe" {
		add("env.shell", true, "builds run on Linux: "+s.Env.Shell+" is not there; use bash or /bin/sh")
	}
	if len(s.Phases.Install.RuntimeVersions) > 0 {
		add("phases.install.runtime-versions", false, "nothing is installed; commands use what the machine has")
	}
	return out
}
