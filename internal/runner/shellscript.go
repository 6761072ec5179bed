package runner

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"

	"mvdan.cc/sh/v3/syntax"
)

// runs is the part of the script that runs a command and answers.
//
// It is mostly `eval` of the command and, in the same line, the answer: wherever the command's text ends, the answer is
// not taken for a part of it, and since a shell reads a whole line before it runs any of it, -v does not show it. But
// bash notes the level of `eval` in traces and runs ERR and DEBUG for `eval` too. Commands that have to do with these
// are given to it plainly, if they are known to be whole.
func (s *shell) runs(command string) string {
	command = strings.TrimRight(command, "\n")
	if s.bash() && s.watched(command) && whole(command) {
		return s.resumed() + command + "\n" + s.answer()
	}
	return s.evaluated(s.resumed() + command)
}

func (s *shell) evaluated(command string) string {
	return "\\eval " + quoted(strings.TrimRight(command, "\n")) + "; " + s.answer()
}

// expanded is the part of the script that answers with a word.
func (s *shell) expanded(word string) string {
	return "{ " + s.head() + "; \\command printf '%s\\0\\0\\0' " + word + "; } 2>/dev/null >|" + s.fifo() +
		" || \\command exit 1\n"
}

// becoming is the part of the script that answers and then makes the room's shell the one that is wanted. The answer
// tells that the shell has read all of it: what is written from then on is read by the next.
func (s *shell) becoming() string {
	path := ""
	if s.path != "" {
		path = "PATH=" + quoted(s.path) + "; "
	}
	wanted := "exec " + strings.Join(s.argv, " ") + " " + quoted(s.room.Place().Script)
	if s.as.name != "" {
		wanted = "exec " + s.as.as(wanted)
	}
	return "{ " + s.head() + `; \command printf '\0\0\0'; } >|` + s.fifo() + "; " + path + wanted + "\n"
}

func (s *shell) fifo() string { return quoted(s.room.Place().Answers) }

func (s *shell) head() string {
	s.serial++
	return fmt.Sprintf(`\command printf '\0S%%s\0%%s\0%%s\0%%s\0%%s\0' %s %d "$?" "${PWD-}" "$-"`, s.nonce, s.serial)
}

// answer makes the shell tell its state. Errors and traces of that go nowhere; it turns -v and -x and the traps DEBUG
// and ERR off, so that nothing of the build runs between two commands (resumed turns them on again). (bash's `command`
// hides the trap ERR where a failure is looked at.) Builtins are called by \command, since a build may define functions
// and aliases of their names.
func (s *shell) answer() string {
	state := `\command trap; \command set +vx; \command printf '\0'; \command set; \command export -p; ` +
		`\command readonly -p; \command umask -S; \command set +o`
	if s.bash() {
		state = `\builtin trap -p; \builtin trap - DEBUG ERR; \command set +vx; \command printf '\0'; ` +
			`\command declare -p; \command declare -f; \command alias -p; \command shopt -p; ` +
			`\command set +o; \command umask -p`
	}
	return "{ " + s.head() + "; \\command printf '\\0'; " + state + "; \\command printf '\\0'; } 2>/dev/null >|" +
		s.fifo() + " || \\command exit 1\n"
}

var tracing = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(
		`\bset\s+-\w*x|xtrace|\bERR\b|\bDEBUG\b`)
})

// verbosity finds what may turn -v on: then bash shows the line of the answer unless it is the line of eval.
var verbosity = sync.OnceValue(func() *regexp.Regexp { return regexp.MustCompile(`\bset\s+-\w*v|verbose`) })

// watched tells whether a command is traced, or may set a trace.
func (s *shell) watched(command string) bool {
	if strings.Contains(s.last.flags, "v") || verbosity().MatchString(command) {
		return false
	}
	return strings.Contains(s.last.flags, "x") || s.debugging() != "" || tracing().MatchString(command)
}

// whole tells whether a text of bash ends where its last command does.
func whole(command string) bool {
	if strings.HasSuffix(command, "\\") {
		return false
	}
	_, err := syntax.NewParser(syntax.Variant(syntax.LangBash)).Parse(strings.NewReader(command+"\n"), "")
	return err == nil
}

// resumed is what stands before a command to give it what request has turned off, and the exit status of the command
// before it.
func (s *shell) resumed() string {
	var b strings.Builder
	if s.last.status != 0 && !strings.Contains(s.last.flags, "e") {
		fmt.Fprintf(&b, "(exit %d)\n", s.last.status)
	}
	on := ""
	for _, flag := range []string{"v", "x"} {
		if strings.Contains(s.last.flags, flag) {
			on += flag
		}
	}
	traps := s.debugging()
	if on != "" {
		on = "set -" + on + "\n"
	}
	if traps != "" && on != "" {
		return b.String() + on + "{ " + traps + "} 2>/dev/null\n"
	}
	return b.String() + traps + on
}

// debugging are the commands that set the traps that answer has taken away.
func (s *shell) debugging() string {
	if !s.bash() {
		return ""
	}
	return trapsOf(s.last.traps, func(event string) bool { return event == "DEBUG" || event == "ERR" })
}

// restoring is a command that gives a fresh shell the last recorded state and directory, as far as a shell can tell its
// state.
func (s *shell) restoring() string {
	if s.last.state == "" {
		return s.initial + s.accountVariables()
	}
	// EXIT has run
	traps := trapsOf(
		s.last.traps, func(event string) bool { return event != "EXIT" && event != "DEBUG" && event != "ERR" })
	return fmt.Sprintf("{\n%s\n%s:\n} 2>/dev/null\n%scd %s 2>/dev/null || cd \"$CODEBUILD_SRC_DIR\"\n",
		assignable(s.last.state), traps, s.accountVariables(), quoted(s.last.dir))
}

// unassignable are variables of bash that must not be assigned: an attempt would end the whole command.
var unassignable = []string{"BASH_VERSINFO", "BASH_ARGC", "BASH_ARGV", "BASH_LINENO", "BASH_SOURCE", "FUNCNAME",
	"GROUPS", "BASH_ARGV0"}

// assignable takes out of a state what a fresh shell cannot or must not take.
func assignable(state string) string {
	var b strings.Builder
	for line := range strings.Lines(state) {
		switch strings.TrimSpace(line) {
		case "set -o xtrace", "set -o verbose": // request has turned them off
			continue
		}
		if rest, ok := strings.CutPrefix(line, "u="); ok && strings.Contains(rest, ",g=") &&
			strings.Contains(rest, ",o=") {
			line = "umask u=" + rest // dash tells its umask without the word
		}
		rest, ok := strings.CutPrefix(line, "declare -")
		_, name, _ := strings.Cut(rest, " ")
		name, _, _ = strings.Cut(strings.TrimSpace(name), "=")
		if ok && slices.Contains(unassignable, name) {
			continue
		}
		b.WriteString(line)
	}
	return b.String()
}

// trapsOf picks the commands that set traps on wanted events out of what `trap` prints.
func trapsOf(text string, wanted func(event string) bool) string {
	var b, one strings.Builder
	for line := range strings.Lines(text) {
		if one.Len() == 0 && !strings.HasPrefix(line, "trap -- ") {
			continue // what a DEBUG trap has written
		}
		one.WriteString(line)
		// A text in quotes may have several lines; the event comes after the last quote.
		i := strings.LastIndexByte(line, ' ')
		event := strings.TrimSpace(line[i+1:])
		if i < 0 || strings.ContainsRune(event, '\'') || strings.Count(one.String(), "'")%2 != 0 {
			continue
		}
		if wanted(strings.TrimPrefix(event, "SIG")) {
			b.WriteString(one.String())
		}
		one.Reset()
	}
	return b.String()
}

// quoted is a text as one word of a shell.
func quoted(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
