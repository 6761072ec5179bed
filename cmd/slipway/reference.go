package main

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// referenceCommand writes docs/commands.md from what the parser knows, so that it says what is so.
type referenceCommand struct{}

const preface = `# Commands

Made from the program by ` + "`go generate ./cmd/slipway`" + `. ` + "`slipway COMMAND --help`" + ` says the same.

Commands that ask a server find it by ` + "`--endpoint`, `SLIPWAY_ENDPOINT` or `AWS_ENDPOINT_URL`" + `, and sign with ` + "`SLIPWAY_ACCESS_KEY_ID` and `SLIPWAY_SECRET_ACCESS_KEY`" + `, or the
variables of that name that begin with ` + "`AWS_`" + `. What an argument names is told by its form:

| form | names |
|---|---|
| ` + "`PROJECT:UUID`" + ` | a build |
| ` + "`d-A1B2C3D4E`" + ` | a deployment, and its release |
| ` + "`UUID`, `PIPELINE/UUID`" + ` | an execution of a pipeline; older ones need the pipeline's name |
| ` + "`PIPELINE`, `PIPELINE/STAGE`, `PIPELINE/STAGE/ACTION`" + ` | the pipeline and what is in it |

` + "`-o json` and `-o yaml`" + ` write the members of the API, times in ISO 8601; pipelines, builds,
deployments and releases also have the words of the tables and pages (kind, state, say). Colour is for terminals alone, and not where ` + "`NO_COLOR`" + ` is set.

## Exit codes

| code | says |
|---|---|
| 0 | it is done |
| 1 | it failed: a build of ` + "`slipway run`, a file of `slipway validate`" + `, or an error that is none of the following |
| 2 | the arguments are wrong |
| 3 | what was named does not exist |
| 4 | no server answers |
| 5 | there is no access key, it is wrong, or it may not do this |
| 6 | not possible in the present state: nothing waits for approval, nothing failed, it has ended already |
| 130 | it was interrupted |
`

func (referenceCommand) Run(model *kong.Kong) error {
	var b strings.Builder
	b.WriteString(preface)
	for _, n := range model.Model.Children {
		if n.Type == kong.CommandNode && !n.Hidden {
			describe(&b, n)
		}
	}
	_, err := os.Stdout.WriteString(b.String())
	return err
}

func describe(b *strings.Builder, n *kong.Node) {
	fmt.Fprintf(b, "\n## slipway %s\n\n%s\n", n.Name, n.Help)
	describeDetail(b, n.Detail)
	if len(n.Positional)+len(n.Flags) > 0 {
		b.WriteString("\n")
	}
	for _, p := range n.Positional {
		fmt.Fprintf(b, "- `%s`: %s\n", p.Summary(), p.Help)
	}
	for _, f := range n.Flags {
		inPreface := slices.Contains(f.Envs, "AWS_ENDPOINT_URL") || slices.Contains(f.Envs, "AWS_REGION")
		if f.Hidden || f.Name == "help" || inPreface {
			continue
		}
		fmt.Fprintf(b, "- `%s`: %s\n", strings.Join(strings.Fields(f.String()), " "), flagHelp(f))
	}
}

// describeDetail writes the text of a command. Indented lines are examples and become code.
func describeDetail(b *strings.Builder, detail string) {
	code := false
	for line := range strings.Lines(detail) {
		line = strings.TrimRight(line, "\n")
		if line == "" {
			continue
		}
		if example := strings.HasPrefix(line, "  "); example != code {
			if code = example; code {
				b.WriteString("\n")
			}
		}
		if code {
			line = "  " + line
		} else if strings.TrimSpace(line) != "" {
			line = "\n" + line
		}
		b.WriteString(line + "\n")
	}
}

func flagHelp(f *kong.Flag) string {
	help := f.Help
	if len(f.Envs) > 0 {
		help += " From the environment: `" + strings.Join(f.Envs, "`, `") + "`."
	}
	return help
}
