#!/usr/bin/env bash
# C offers primitives: no cloud, model or price is named in it.
cd "$(dirname "$0")/.." || exit 1
! grep -nIiE 'vast|lambda|runpod|coreweave|paperspace|ollama|vllm|cheapest|\boffer' src/*.c src/*.h \
    src/tunnel/*.c src/tunnel/*.h
