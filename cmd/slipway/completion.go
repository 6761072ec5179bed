package main

import (
	"context"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/alecthomas/kong"

	"slipway/internal/terminal"
)

type completionCommand struct {
	Shell string `arg:"" enum:"bash,zsh,fish" help:"bash, zsh or fish."`
}

func (*completionCommand) Help() string {
	return `Completes commands, flags, and the names of what is on the server: pipelines, approvals that wait, builds, deployments.

  eval "$(slipway completion bash)"                                     in ~/.bashrc
  eval "$(slipway completion zsh)"                                      in ~/.zshrc, behind compinit
  slipway completion fish > ~/.config/fish/completions/slipway.fish`
}

// scripts call `slipway complete` with the words so far, the last of them unfinished. The output is a candidate, a tab
// and its description in each line.
var scripts = map[string]string{
	"bash": `_slipway() {
  local typed="${COMP_LINE:0:COMP_POINT}" current line prefix=""
  local -a before
  current="${typed##*[[:space:]]}"
  read -ra before <<<"${typed%"$current"}"
  # To bash a colon ends a word: what stands before it is not typed again.
  [[ "$current" == *:* && "$COMP_WORDBREAKS" == *:* ]] && prefix="${current%"${current##*:}"}"
  COMPREPLY=()
  while IFS= read -r line; do
    line="${line%%$'\t'*}"
    COMPREPLY+=("${line#"$prefix"}")
  done < <(slipway complete -- "${before[@]:1}" "$current" 2>/dev/null)
}
complete -o default -F _slipway slipway
`,
	"zsh": `#compdef slipway
_slipway() {
  local -a candidates
  local line
  while IFS= read -r line; do
    local name="${line%%$'\t'*}"
    candidates+=("${name//:/\\:}:${line#*$'\t'}")
  done < <(slipway complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)
  if (( $#candidates )); then _describe slipway candidates; else _files; fi
}
if [ "$funcstack[1]" = _slipway ]; then _slipway "$@"; else compdef _slipway slipway; fi
`,
	"fish": `complete -c slipway -f -a '(slipway complete -- (commandline -opc)[2..-1] (commandline -ct) 2>/dev/null)'
`,
}

func (c *completionCommand) Run() error {
	_, err := os.Stdout.WriteString(scripts[c.Shell])
	return err
}

// completeCommand answers the scripts of completionCommand.
type completeCommand struct {
	Words []string `arg:"" optional:"" passthrough:""`
}

// quick is how long a completion may ask the server.
const quick = time.Second

func (c *completeCommand) Run(ctx context.Context, model *kong.Kong) error {
	words := c.Words
	if len(words) > 0 && words[0] == "--" {
		words = words[1:]
	}
	if len(words) == 0 {
		words = []string{""}
	}
	ctx, cancel := context.WithTimeout(ctx, quick)
	defer cancel()
	var b strings.Builder
	for _, x := range complete(ctx, model.Model.Node, words[:len(words)-1], words[len(words)-1]) {
		b.WriteString(terminal.Clean(x.name) + "\t" + terminal.Clean(x.help) + "\n")
	}
	_, err := os.Stdout.WriteString(b.String())
	return err
}

// candidate is a word that may stand where the cursor is.
type candidate struct{ name, help string }

// complete lists what may follow the words before and begins with the current word.
func complete(ctx context.Context, root *kong.Node, before []string, current string) []candidate {
	node, flag, position := where(root, before)
	var all []candidate
	switch {
	case flag != nil:
		all = values(flag.Value)
	case strings.HasPrefix(current, "-"):
		for _, f := range flags(node) {
			all = append(all, candidate{"--" + f.Name, f.Help})
		}
	case len(node.Children) > 0:
		for _, child := range node.Children {
			if !child.Hidden {
				all = append(all, candidate{child.Name, child.Help})
			}
		}
	case position < len(node.Positional):
		if all = values(node.Positional[position]); len(all) == 0 {
			all = onServer(ctx, node.Name)
		}
	}
	return slices.DeleteFunc(all, func(c candidate) bool { return !strings.HasPrefix(c.name, current) })
}

// where reads the words before the current one. It returns the command, the flag whose value comes next, if any, and
// the number of positional arguments.
func where(root *kong.Node, words []string) (node *kong.Node, flag *kong.Flag, position int) {
	node = root
	for _, word := range words {
		switch {
		case flag != nil:
			flag = nil
		case strings.HasPrefix(word, "-"):
			if flag = flagOf(node, word); flag != nil && (flag.IsBool() || strings.Contains(word, "=")) {
				flag = nil
			}
		default:
			if child := childOf(node, word); child != nil {
				node = child
			} else {
				position++
			}
		}
	}
	return node, flag, position
}

func values(v *kong.Value) []candidate {
	var all []candidate
	if v.Enum != "" {
		for _, word := range v.EnumSlice() {
			all = append(all, candidate{word, v.Help})
		}
	}
	return all
}

func childOf(n *kong.Node, name string) *kong.Node {
	for _, child := range n.Children {
		if child.Name == name {
			return child
		}
	}
	return nil
}

func flags(n *kong.Node) []*kong.Flag {
	var all []*kong.Flag
	for _, group := range n.AllFlags(true) {
		all = append(all, group...)
	}
	return all
}

func flagOf(n *kong.Node, word string) *kong.Flag {
	name, _, _ := strings.Cut(strings.TrimLeft(word, "-"), "=")
	for _, f := range flags(n) {
		if f.Name == name || f.Short != 0 && string(f.Short) == name {
			return f
		}
	}
	return nil
}
