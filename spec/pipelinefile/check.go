package pipelinefile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"slipway/api/awsproto"
	cp "slipway/api/codepipeline"
)

// Kind tells which of CodePipeline's errors a problem is.
type Kind int

// Kinds of problems.
const (
	Structure Kind = iota // InvalidStructureException
	Stage                 // InvalidStageDeclarationException
	Action                // InvalidActionDeclarationException
)

// Problem is something wrong with a pipeline's structure. Path says where, in the form in which AWS names members:
// stages.1.member.actions.2.member.configuration.
type Problem struct {
	Kind    Kind
	Path    string
	Message string
}

// Limits of "Quotas in CodePipeline".
const (
	minStages       = 2
	maxStages       = 50
	maxActions      = 500
	maxActionsStage = 50
	maxValue        = 50_000 // characters of a configuration value, as AWS's own message has it; the page says 1,000
)

// Check reports everything that is wrong with the structure of a pipeline, in the order of the file. The model of the
// API checks each member by itself. Types of actions are looked up in the catalogue; an unknown one is a problem if
// AWS is its owner. Source: "CodePipeline pipeline structure reference".
func Check(d *cp.PipelineDeclaration, types Catalogue) []Problem {
	c := &checker{
		d:          d,
		types:      types,
		made:       map[string]string{},
		stages:     map[string]bool{},
		namespaces: map[string]bool{},
		ran:        map[string]bool{},
	}
	c.run()
	return c.problems
}

type checker struct {
	d          *cp.PipelineDeclaration
	types      Catalogue
	problems   []Problem
	made       map[string]string // artifact -> the action that makes it
	stages     map[string]bool
	namespaces map[string]bool // of all actions gone through
	ran        map[string]bool // namespaces of actions that surely ran before the present one
	total      int
}

func (c *checker) say(k Kind, path, format string, args ...any) {
	c.problems = append(c.problems, Problem{k, path, fmt.Sprintf(format, args...)})
}

func (c *checker) run() {
	d := c.d
	if (d.ArtifactStore == nil) == (len(d.ArtifactStores) == 0) {
		c.say(Structure, "artifactStore", "A pipeline must have either artifactStore or artifactStores, and not both")
	}
	if n := len(d.Stages); n < minStages || n > maxStages {
		c.say(Structure, "stages",
			"Pipeline has %d stage(s). There should be a minimum of %d and a maximum of %d stages in a pipeline", n,
			minStages, maxStages)
	}
	if d.PipelineType != cp.PipelineTypeV2 {
		c.onlyV2()
	}
	names := map[string]bool{}
	for i, v := range d.Variables {
		if v.Name != nil && names[*v.Name] {
			c.say(Structure, element("variables", i)+".name", "The variable %s is declared twice", *v.Name)
		}
		names[awsproto.Value(v.Name)] = true
	}
	for i := range d.Stages {
		c.stage(i)
	}
	c.triggers()
	if c.total > maxActions {
		c.say(Structure, "stages", "Pipeline has %d actions. There should be a maximum of %d actions in a pipeline",
			c.total, maxActions)
	}
}

// onlyV2 refuses in a V1 pipeline what needs type V2.
func (c *checker) onlyV2() {
	if m := c.d.ExecutionMode; m != "" && m != cp.ExecutionModeSuperseded {
		c.say(Structure, "executionMode", "Execution mode %s needs pipelineType V2", m)
	}
	if len(c.d.Triggers) > 0 {
		c.say(Structure, "triggers", "Triggers need pipelineType V2")
	}
	if len(c.d.Variables) > 0 {
		c.say(Structure, "variables", "Pipeline variables need pipelineType V2")
	}
	for i := range c.d.Stages {
		if conditional(&c.d.Stages[i]) {
			c.say(Structure, element("stages", i),
				"beforeEntry, onSuccess and onFailure of stage %s need pipelineType V2",
				awsproto.Value(c.d.Stages[i].Name))
		}
	}
}

func element(list string, i int) string { return list + "." + strconv.Itoa(i+1) + ".member" }

func (c *checker) stage(i int) {
	s := &c.d.Stages[i]
	path := element("stages", i)
	name := awsproto.Value(s.Name)
	if c.stages[name] {
		c.say(Stage, path+".name", "A stage with the name %s exists already in this pipeline", name)
	}
	c.stages[name] = true
	if n := len(s.Actions); n == 0 || n > maxActionsStage {
		c.say(Stage, path+".actions",
			"Stage %s has %d action(s). There should be a minimum of 1 and a maximum of %d actions in a stage", name, n,
			maxActionsStage)
	}
	c.total += len(s.Actions)
	seen := map[string]bool{}
	for j := range s.Actions {
		n := awsproto.Value(s.Actions[j].Name)
		if seen[n] {
			c.say(Action, element(path+".actions", j)+".name", "An action with the name %s exists already in stage %s",
				n, name)
		}
		seen[n] = true
	}
	c.entry(i, path)
	c.onFailure(i, path)
	for _, group := range byRunOrder(s.Actions) {
		c.group(i, group)
	}
	c.onSuccess(i, path)
}

// group checks the actions of a stage that run at the same time. What they make counts for the groups after them.
func (c *checker) group(i int, actions []int) {
	s := &c.d.Stages[i]
	path := element("stages", i) + ".actions"
	for _, j := range actions {
		c.inputs(&s.Actions[j], element(path, j))
	}
	for _, j := range actions {
		c.action(i, awsproto.Value(s.Name), &s.Actions[j], element(path, j))
		c.references(awsproto.Value(s.Name), &s.Actions[j], element(path, j))
	}
	for _, j := range actions {
		if n := s.Actions[j].Namespace; n != nil {
			c.ran[*n] = true
		}
	}
}

// byRunOrder groups the indices of actions by run order, the lowest first.
func byRunOrder(actions []cp.ActionDeclaration) [][]int {
	groups := map[int32][]int{}
	for j := range actions {
		order := RunOrder(&actions[j])
		groups[order] = append(groups[order], j)
	}
	var all [][]int
	for _, order := range slices.Sorted(maps.Keys(groups)) {
		all = append(all, groups[order])
	}
	return all
}

// RunOrder is the place of an action among those of its stage: 1 by default.
func RunOrder(a *cp.ActionDeclaration) int32 {
	if a.RunOrder == nil {
		return 1
	}
	return *a.RunOrder
}
