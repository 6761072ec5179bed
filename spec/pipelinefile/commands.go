package pipelinefile

import (
	"strings"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
)

// commands checks the members of an action that belong to the Commands action, which only a pipeline of type V2 may
// have. Source: "Commands action reference" in the CodePipeline user guide.
func (c *checker) commands(t *ActionType, a *cp.ActionDeclaration, path string) {
	name := awsproto.Value(a.Name)
	if t.Category != cp.ActionCategoryCompute {
		for member, there := range map[string]bool{
			"commands":        len(a.Commands) > 0,
			"outputVariables": len(a.OutputVariables) > 0,
		} {
			if there {
				c.say(Action, path+"."+member, "Action %s has %s, which only actions of category Compute have", name,
					member)
			}
		}
		return
	}
	if c.d.PipelineType != cp.PipelineTypeV2 {
		c.say(Action, path+".actionTypeId", "Action %s is of category Compute, which needs a pipeline of type V2", name)
	}
	if len(a.Commands) == 0 {
		c.say(Action, path+".commands", "Action %s has no commands", name)
	}
	for i, command := range a.Commands {
		if strings.ContainsAny(command, "\r\n") {
			c.say(Action, element(path+".commands", i),
				"Command %d of action %s has several lines; write one line a command", i+1, name)
		}
	}
}
