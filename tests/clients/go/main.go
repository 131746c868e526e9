// Driver takes franz-go through the contract of tests/clients/README.md.
package main

import (
	"fmt"
	"os"
	"runtime/debug"
	"strconv"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func run(args []string) error {
	switch {
	case len(args) == 1 && args[0] == "version":
		return printVersion()
	case len(args) == 7 && args[0] == "produce":
		first, err1 := strconv.ParseInt(args[3], 10, 64)
		count, err2 := strconv.ParseInt(args[4], 10, 64)
		seed, err3 := strconv.ParseUint(args[6], 10, 32)
		if err1 == nil && err2 == nil && err3 == nil {
			return produce(args[1], args[2], first, count, args[5], uint32(seed))
		}
	case len(args) == 6 && args[0] == "consume":
		if seed, err := strconv.ParseUint(args[4], 10, 32); err == nil {
			return consume(args[1], args[2], args[3], uint32(seed), args[5])
		}
	}
	return fmt.Errorf("usage: driver version | produce BOOTSTRAP TOPIC FIRST COUNT CODEC SEED | " +
		"consume BOOTSTRAP TOPIC GROUP SEED NAME")
}

func printVersion() error {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return fmt.Errorf("built without module information")
	}
	for _, module := range info.Deps {
		if module.Path == "github.com/twmb/franz-go" {
			fmt.Println(module.Version)
		}
	}
	return nil
}
