package runner

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"slipway/api/codebuild"
	"slipway/spec/buildspec"
)

// position is a command of a buildspec: of the commands of a phase, or of its finally. In UPLOAD_ARTIFACTS there are
// none.
type position struct {
	Phase   codebuild.BuildPhaseType `json:"phase"`
	Finally bool                     `json:"finally,omitzero"`
	Command int                      `json:"command"` // from 0
}

// standing is how a build stood when it failed: what a later one needs to go on with the command that failed.
type standing struct {
	position
	// Before is the hash of the commands before the position: they must not have changed since.
	Before string    `json:"before"`
	Build  string    `json:"build"` // ID
	When   time.Time `json:"when"`
	Room   string    `json:"room"` // folder of the room, which is gone
	// The shell before the command: its directory, flags, traps, and the commands that make another one the same.
	Dir   string `json:"dir"`
	Flags string `json:"flags"`
	Traps string `json:"traps"`
	State string `json:"state"`
}

// stand notes where the build failed first, with the shell as it was before.
func (b *build) stand(at position, before answer) {
	if b.stood == nil || b.standing != nil || b.flow != nil {
		return
	}
	b.standing = &standing{
		position: at, Before: commandsBefore(b.spec, at), Build: value(b.order.Build.Id), When: time.Now(),
		Room: b.space.place.Dir, Dir: before.dir, Flags: before.flags, Traps: before.traps, State: before.state,
	}
}

// leftOut says why a phase does not run; "" if it does.
func (b *build) leftOut(kind codebuild.BuildPhaseType) string {
	switch {
	case len(b.Only) > 0 && !slices.Contains(b.Only, kind):
		return "it is not asked for"
	case b.resume != nil && phaseOrder(kind) < phaseOrder(b.resume.Phase):
		return "it succeeded in the run before"
	}
	return ""
}

// puts tells whether reports and artifacts are looked at: where BUILD and POST_BUILD are left out there are none, or
// old ones.
func (b *build) puts() bool {
	return len(b.Only) == 0 || slices.Contains(b.Only, codebuild.BuildPhaseTypeBuild) ||
		slices.Contains(b.Only, codebuild.BuildPhaseTypePostBuild)
}

func phaseOrder(kind codebuild.BuildPhaseType) int {
	for i, p := range phasesOf(&buildspec.Spec{}) {
		if p.kind == kind {
			return i
		}
	}
	return len(phasesOf(&buildspec.Spec{}))
}

// begin returns the first command of a list of n that runs. From the position on at which the build goes on, all do.
func (b *build) begin(at position, n int) int {
	from := b.resume
	switch {
	case from == nil || from.Phase != at.Phase:
		return 0
	case from.Finally && !at.Finally:
		return n
	}
	b.resume = nil
	first := min(from.Command, n)
	if first > 0 {
		b.log.say("%d command(s) of %s are left out: they succeeded in the run before", first, at.Phase)
	}
	return first
}

// checkResume refuses to go on where something else than now ran before.
func (b *build) checkResume() error {
	at := b.resume
	if at == nil {
		return nil
	}
	if b.flow != nil || commandsBefore(b.spec, at.position) != at.Before {
		return fail(clientError, "the commands before the one that failed have changed since: run all of them, "+
			"without --from-failed")
	}
	return nil
}

// takeUp gives the shell the state of the one that the build goes on from. What is of this build outweighs it.
func (b *build) takeUp() {
	at := b.resume
	if at == nil {
		return
	}
	b.log.say("Going on in %s where the build %s failed %s ago", at.Phase, at.Build, age(at.When))
	if at.State == "" {
		return // no command had been run
	}
	own := builtIn(b.order, b.space.place)
	if e := b.order.Build.Environment; e != nil {
		for _, v := range e.EnvironmentVariables {
			own[value(v.Name)] = value(v.Value)
		}
	}
	maps.Copy(own, b.secrets)
	// The room's folder has another name than the one before, in PATH for example.
	moved := strings.NewReplacer(at.Room+"/", b.space.place.Dir+"/")
	b.shell.last = answer{
		dir: moved.Replace(at.Dir), flags: at.Flags, traps: at.Traps,
		state: moved.Replace(at.State) + "\n" + exports(own),
	}
}

// commandsBefore is a hash of all commands of a buildspec before a position, with what they are run by.
func commandsBefore(s *buildspec.Spec, at position) string {
	sum := sha256.New()
	fmt.Fprintf(sum, "%s %s\n", s.Version, s.Env.Shell)
	add := func(list position, commands []buildspec.Command) (end bool) {
		if end = list.Phase == at.Phase && list.Finally == at.Finally; end {
			commands = commands[:min(at.Command, len(commands))]
		}
		for i, c := range commands {
			fmt.Fprintf(sum, "%s %t %d %d\n%s\n", list.Phase, list.Finally, i, len(c.Text), c.Text)
		}
		return end
	}
	for _, p := range phasesOf(s) {
		finally := position{Phase: p.kind, Finally: true}
		if add(position{Phase: p.kind}, p.phase.Commands) || add(finally, p.phase.Finally) {
			break
		}
	}
	return hex.EncodeToString(sum.Sum(nil))
}
