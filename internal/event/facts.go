package event

// Facts: what the stages tell each other.
var (
	// Pushed tells of a branch or tag that moved. Its key is made of the repository's ID, the ref and both objects.
	Pushed = Topic[Push]{"push"}
	// BuildEnded tells of a build that ended. Its key is the build's ID.
	BuildEnded = Topic[Ended]{"build-ended"}
	// DeploymentEnded tells of a deployment that ended. Its key is the deployment's ID.
	DeploymentEnded = Topic[Ended]{"deployment-ended"}
)

// Push is a branch or tag that moved.
type Push struct {
	Repository string `json:"repository"` // its name
	Ref        string `json:"ref"`        // refs/heads/…, refs/tags/…
	Old        string `json:"old"`        // the object before; "" for a new ref
	New        string `json:"new"`        // the object now; "" for a deleted ref
}

// Ended is a build or a deployment that ended, with its status in its service's words.
type Ended struct {
	ID     string `json:"id"`
	Status string `json:"status"`
}
