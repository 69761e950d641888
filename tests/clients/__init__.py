"""Tests of the clients, against real gRPC servers whose answers are scripted."""
