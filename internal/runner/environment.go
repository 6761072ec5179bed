package runner

import (
	"maps"
	"os"
	"path"
	"slices"
	"strconv"
	"strings"
	"time"

	"slipway/api/slipway"
	"slipway/internal/runner/room"
	"slipway/spec/buildspec"
)

// allowed are the variables of the runner's own environment that builds get, besides those of Config.Pass: none of them
// is a secret.
var allowed = []string{"PATH", "LANG", "LANGUAGE", "LC_ALL", "TZ", "http_proxy", "https_proxy", "no_proxy",
	"HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY",
	"SSL_CERT_FILE", "SSL_CERT_DIR", "GOPROXY", "GOSUMDB", "GONOSUMDB", "GOFLAGS", "GOTOOLCHAIN", "NPM_CONFIG_REGISTRY",
	"PIP_INDEX_URL"}

// ofTheMachine are variables that say where something is on the runner's own machine.
var ofTheMachine = []string{"PATH", "LANG", "LANGUAGE", "LC_ALL", "SSL_CERT_FILE", "SSL_CERT_DIR", "GOFLAGS",
	"GOTOOLCHAIN"}

const standardPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/go/bin"

// baseEnvironment is what programs get that the runner starts in a room.
func baseEnvironment() []string { return []string{"PATH=" + standardPath, "LANG=C.UTF-8"} }

// environment is all that commands find when the build starts, in the order of who outweighs whom: what the runner
// passes on, what the job brings (own), the built-in variables, the buildspec's, the project's and the start's.
func environment(o slipway.Order, s *buildspec.Spec, at room.Place, pass []string,
	own map[string]string) map[string]string {
	env := map[string]string{"PATH": standardPath, "LANG": "C.UTF-8"}
	for _, name := range slices.Concat(allowed, pass) {
		if v, ok := os.LookupEnv(name); ok && !strings.HasPrefix(name, "SLIPWAY_") {
			env[name] = v
		}
	}
	env["HOME"], env["USER"], env["SHELL"] = at.Home, "codebuild-user", "/bin/sh"
	if at.Image != "" {
		env["USER"] = "root"
		for _, name := range ofTheMachine {
			delete(env, name) // the image has its own
		}
	}
	if at.Temporary != "" {
		env["TMPDIR"] = at.Temporary
	}
	maps.Copy(env, own)
	for _, v := range s.Env.Variables {
		env[v.Name] = v.Value
	}
	if e := o.Build.Environment; e != nil {
		for _, v := range e.EnvironmentVariables {
			if v.Name != nil && v.Value != nil {
				env[*v.Name] = *v.Value
			}
		}
	}
	maps.Copy(env, o.Variables)
	maps.Copy(env, builtIn(o, at))
	return env
}

func builtIn(o slipway.Order, at room.Place) map[string]string {
	build := o.Build
	env := map[string]string{
		"AWS_REGION": o.Region, "AWS_DEFAULT_REGION": o.Region,
		"CI": "true", "CODEBUILD_CI": "true", "CODEBUILD_BUILD_SUCCEEDING": "1", "CODEBUILD_SRC_DIR": at.Source,
		"CODEBUILD_LOG_PATH": o.Stream,
	}
	set := func(name string, v *string) {
		if v != nil && *v != "" {
			env[name] = *v
		}
	}
	set("CODEBUILD_BUILD_ID", build.Id)
	set("CODEBUILD_BUILD_ARN", build.Arn)
	if arn, id, ok := strings.Cut(value(build.Arn), ":build/"); ok {
		name, _, _ := strings.Cut(id, ":")
		env["CODEBUILD_PROJECT_ARN"] = arn + ":project/" + name
	}
	set("CODEBUILD_INITIATOR", build.Initiator)
	set("CODEBUILD_KMS_KEY_ID", build.EncryptionKey)
	set("CODEBUILD_SOURCE_VERSION", build.SourceVersion)
	if build.Environment != nil {
		set("CODEBUILD_BUILD_IMAGE", build.Environment.Image)
	}
	if build.Source != nil {
		set("CODEBUILD_SOURCE_REPO_URL", build.Source.Location)
	}
	if build.BuildNumber != nil {
		env["CODEBUILD_BUILD_NUMBER"] = strconv.FormatInt(*build.BuildNumber, 10)
	}
	start := time.Now()
	if build.StartTime != nil {
		start = build.StartTime.Time
	}
	env["CODEBUILD_START_TIME"] = strconv.FormatInt(start.UnixMilli(), 10)
	for _, s := range o.Sources {
		if s.Identifier == "" {
			continue
		}
		env["CODEBUILD_SRC_DIR_"+s.Identifier] = path.Join(at.Secondary, s.Identifier)
		set("CODEBUILD_SOURCE_VERSION_"+s.Identifier, &s.Version)
		set("CODEBUILD_SOURCE_REPO_URL_"+s.Identifier, &s.URL)
	}
	return env
}

// readonly are variables that bash does not let anybody set.
var readonly = []string{"UID", "EUID", "PPID", "BASHOPTS", "SHELLOPTS", "BASH_VERSINFO"}

// exports is a command that sets an environment. Names that no shell can have are left out.
func exports(env map[string]string) string {
	var b strings.Builder
	for _, name := range slices.Sorted(maps.Keys(env)) {
		if isName(name) && !slices.Contains(readonly, name) {
			b.WriteString("export " + name + "=" + quoted(env[name]) + "\n")
		}
	}
	return b.String()
}

func isName(s string) bool {
	for i := range len(s) {
		c := s[i]
		if c != '_' && (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9' || i == 0) {
			return false
		}
	}
	return s != ""
}
