# One of several pods that serve a model alike: Ollama, the model fetched and on the card before its
# readiness probe says so. What fails ends the pod, and the cluster starts it again.
M={{model:sh}}
ollama serve & S=$!
trap 'kill $S; wait $S; exit 0' TERM INT
until ollama list >/dev/null 2>&1; do kill -0 $S || exit 1; sleep 1; done
for n in 1 2 3; do
  ollama pull "$M" && P=yes && break
  sleep 5
done
[ "$P" ] && ollama run "$M" "" || { echo "the model could not be had"; kill $S; exit 1; }
wait $S
