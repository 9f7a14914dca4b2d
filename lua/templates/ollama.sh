# Fetches Ollama once and then becomes it (facts/serving.md 1.3). The guard runs this, and runs it again
# when it ends; what is said here is in its log of the engine.
D={{directory:sh}} U={{url:sh}}
if [ ! -x "$D/bin/ollama" ]; then
  rm -rf "$D" "$D.new" && mkdir -p "$D.new" || exit 1
  if ! command -v zstd >/dev/null; then
    echo "installing zstd, which unpacks the model server"
    DEBIAN_FRONTEND=noninteractive apt-get -q -y install zstd ||
      { apt-get -q update && apt-get -q -y install zstd; }
  fi
  echo "fetching the model server"
  curl -fsSL -A {{agent:sh}} --retry 4 --retry-delay 2 --connect-timeout 20 -o "$D.part" "$U" ||
    { echo "the model server could not be fetched from $U"; exit 1; }
  echo "unpacking the model server"
  zstd -dcq "$D.part" | tar -xf - -C "$D.new" && [ -x "$D.new/bin/ollama" ] ||
    { echo "what came from $U is no Ollama"; rm -f "$D.part"; exit 1; }
  rm -f "$D.part"
  mv "$D.new" "$D" || exit 1
fi
exec "$D/bin/ollama" serve
