package slipway

import (
	"slipway/api/awsproto"
	"slipway/api/codedeploy"
)

// Work is what a stage knows of a build, a deployment or an execution when people ask how a change fares: facts, no
// sentences. Members that do not apply, or are not known, are empty.
type Work struct {
	ID     string
	Status string // as the stage's own API has it
	// Pipeline, Execution and Number are of the execution that asked for it; Number counts the executions of a pipeline
	// from 1.
	Pipeline, Execution string
	Number              int64
	// Repository, Commit and Subject are of the change that is worked on.
	Repository, Commit, Subject string

	// Message is why it failed in AWS's words, for where nothing better is known.
	Message string
	// Cause is why a build failed.
	Cause *Cause

	// Application, Group, Revision and RollsBack are of a deployment; RollsBack is the ID of the deployment whose
	// effect it takes back.
	Application, Group string
	Revision           *codedeploy.RevisionLocation
	RollsBack          string
	Started            *awsproto.Time
	// Host and Event are the first failure of a deployment.
	Host  string
	Event *codedeploy.LifecycleEvent
}

// Tried is a version that was deployed to a group, with how that went last.
type Tried struct {
	Key        string // of the revision: the same for the same bundle
	Deployment string // the newest of this version in the group
	Outcome    VersionOutcome
	At         *awsproto.Time
	Message    string // why it failed
	Elsewhere  []TriedElsewhere
}

// TriedElsewhere is how the version fared last in another group of its application.
type TriedElsewhere struct {
	Group, Deployment, Message string
	Outcome                    VersionOutcome
}
