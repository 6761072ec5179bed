package buildspec

import (
	"cmp"
	"slices"
)

// Unsupported names what of the file this version of Slipway does not execute, in the file's order.
func (s *Spec) Unsupported() []Unsupported {
	var out []Unsupported
	add := func(what string, at Place, refuse bool, why string) {
		out = append(out, Unsupported{at, what, why, refuse})
	}
	if len(s.Env.ParameterStore) > 0 {
		add("env.parameter-store", s.placed["env.parameter-store"], true,
			"parameters cannot be read yet; give the value as a variable of the project")
	}
	if len(s.Env.SecretsManager) > 0 {
		add("env.secrets-manager", s.placed["env.secrets-manager"], true,
			"secrets cannot be read yet; give the value as a variable of the project")
	}
	if s.Env.Shell == "powershell.exe" || s.Env.Shell == "cmd.exe" {
		add("env.shell", s.placed["env.shell"], true,
			"builds run on Linux: "+s.Env.Shell+" is not there; use bash or /bin/sh")
	}
	for _, user := range []string{s.RunAs, s.Phases.Install.RunAs, s.Phases.PreBuild.RunAs, s.Phases.Build.RunAs,
		s.Phases.PostBuild.RunAs} {
		if user != "" {
			add("run-as", s.placed["run-as"], user != "root", "commands run as the build's own user")
			break
		}
	}
	if len(s.Phases.Install.RuntimeVersions) > 0 {
		add("phases.install.runtime-versions", s.placed["phases.install.runtime-versions"], false,
			"nothing is installed; commands use what the machine has")
	}
	if s.Proxy.UploadArtifacts || s.Proxy.Logs {
		add("proxy", s.placed["proxy"], false, "there is no explicit proxy server")
	}
	if c := s.Cache; c != nil && (c.Key != "" || len(c.FallbackKeys) > 0) {
		add("cache.key", c.Place, false, "a local cache goes by project and path; caches in S3 are not there yet")
	}
	if c := s.Cache; c != nil && !c.Save {
		add("cache.action", c.Place, false, "a local cache is kept as the build leaves it")
	}
	if s.Batch != nil {
		add("batch", s.Batch.Place, false, "only the build itself runs")
	}
	for _, r := range s.Reports {
		if r.Format != "JUNITXML" {
			add("reports."+r.Name, r.Place, false, "reports in the format "+r.Format+" are not read yet")
		}
	}
	slices.SortStableFunc(out, func(a, b Unsupported) int {
		return cmp.Or(cmp.Compare(a.Line, b.Line), cmp.Compare(a.Column, b.Column))
	})
	return out
}
