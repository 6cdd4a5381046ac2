//go:build race

package main

// raced: the race detector is on, with which each process of a command takes ten times as long.
const raced = true
