package room

// Work makes a service a container in which steps of the build run. It has folders of the build, the build's own limits
// and network, and never the engine's socket.
type Work struct {
	// Command runs instead of the image's own program.
	Command []string
	Mounts  []Mount
	// Links are symbolic links that are made in the container before it starts, by their absolute paths, with what they
	// lead to. A mount of a folder that the build can replace would show the build what a link of its own leads to on
	// the runner's machine; a link is followed in the container alone.
	Links   map[string]string
	Hosts   map[string]string // addresses by names
	Limits  Limits
	Network Network
}

// Options are those of the engine that a service may have besides.
type Options struct {
	User, Dir, Hostname string
	Entrypoint          []string
	Volumes             []string // NAME:PATH or PATH, with :ro after it
	Tmpfs               []string // PATH or PATH:OPTIONS
	SharedMemory        int64    // in bytes, 0 for the engine's own
	Memory              int64    // in bytes, 0 for the limit of every service
	CPUs                int      // 0 for all
	ReadOnly            bool
}

// Program is what an image says of the program that it is made for.
type Program struct {
	Entrypoint, Command []string
	Dir                 string
}

// Recipe is an image to build.
type Recipe struct {
	// Context is a tar archive of the folder that the Dockerfile's COPY sees, and Dockerfile a path in it.
	Context    []byte
	Dockerfile string
	Limits     Limits
	Network    Network
}
