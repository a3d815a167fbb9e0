#!/usr/bin/env bash
# eeve beside llama.cpp on the same GGUF file, alternating, at the same number of threads:
#   llama-cpp.sh MODEL|phi-2|eeve-2.8b [--type q8_0] [--prompt 128] [--decode 32] [--threads N] [--rounds 3]
#     [--tokens yes|no] [--json]
# MODEL is a .gguf file, or a model folder that is quantized to --type first; the two names stand for
# random weights of that shape (needs 6 GB of disk, and eeve-bench's jar). llama.cpp comes prebuilt with
# the package below, installed once into target/. Prints a line a round and the best of all, or with --json
# one document of what both programs say. --tokens no leaves the comparison of greedy tokens out.
set -euo pipefail
package=node-llama-cpp@3.22.1
here=$(cd "$(dirname "$0")" && pwd -P)
root=$here/../..
cache=$root/eeve-bench/target/peers

model= type=q8_0 prompt=128 decode=32 threads=$(getconf _NPROCESSORS_ONLN) rounds=3 tokens=yes json=
while [ $# -gt 0 ]; do
  case $1 in
    --json) json=yes; shift ;;
    --type | --prompt | --decode | --threads | --rounds | --tokens)
      [ $# -gt 1 ] || { echo "llama-cpp.sh: $1: needs a value" >&2; exit 2; }
      printf -v "${1#--}" %s "$2"; shift 2 ;;
    -*) echo "llama-cpp.sh: $1: unknown, needed --type, --prompt, --decode, --threads, --rounds, --tokens or --json" >&2; exit 2 ;;
    *) model=$1; shift ;;
  esac
done
[ -n "$model" ] || { echo "llama-cpp.sh: pass a .gguf file, a model folder, phi-2 or eeve-2.8b" >&2; exit 2; }
for tool in npm node; do
  command -v $tool >/dev/null || { echo "llama-cpp.sh: no $tool found, llama.cpp is skipped" >&2; exit 0; }
done

case $model in phi-2 | eeve-2.8b) ;; *) [ -e "$model" ] || { echo "llama-cpp.sh: $model: no such file or folder" >&2; exit 2; } ;; esac
mkdir -p "$cache"
if ! grep -qsF "\"$package\"" "$cache/installed"; then
  echo "installing $package" >&2
  echo '{"private":true}' >"$cache/package.json"
  (cd "$cache" && npm install --ignore-scripts --no-audit --no-fund --omit=dev "$package") >"$cache/npm.log" 2>&1 ||
    { cat "$cache/npm.log" >&2; echo "llama-cpp.sh: $package could not be installed, llama.cpp is skipped" >&2; exit 0; }
  echo "\"$package\"" >"$cache/installed"
fi
cp "$here/llama-cpp.mjs" "$cache/"
if [ "$model" = phi-2 ] || [ "$model" = eeve-2.8b ]; then
  if [ ! -f "$cache/$model/config.json" ]; then
    jar=$root/eeve-bench/target/benchmarks.jar
    [ -f "$jar" ] || { echo "llama-cpp.sh: no $jar; run mvn -B package -DskipTests first" >&2; exit 2; }
    "${JAVA_HOME:+$JAVA_HOME/bin/}java" -cp "$jar" dev.eeve.bench.RandomModel "$model" "$cache/$model"
  fi
  model=$cache/$model
fi
if [ -d "$model" ]; then
  file=$cache/$(basename "$model")-$type.gguf
  "$root/eeve" quantize --model "$model" --type "$type" --output "$file" >&2
  model=$file
fi
model=$(cd "$(dirname "$model")" && pwd -P)/$(basename "$model")

number() { node -e 'const d = JSON.parse(require("fs").readFileSync(0)); console.log(eval("d." + process.argv[1]))' "$1"; }
llama() { (cd "$cache" && node llama-cpp.mjs "$1" "$model" "$prompt" "$decode" "$threads") | tail -n 1; }

say() { [ -n "$json" ] || printf "$@"; }

equal=
if [ "$tokens" = yes ]; then
  answer=$(llama tokens)
  wanted=$(number 'tokens.join(",")' <<<"$answer")
  got=$("$root/eeve" generate --model "$model" --threads "$threads" --max-new-tokens "$decode" --ignore-eos --json \
    --prompt-tokens "$(number 'prompt.join(",")' <<<"$answer")" | number 'tokens.join(",")')
  equal=$(node -e '
    const [a, b] = process.argv.slice(1).map(list => list.split(","));
    let n = 0; while (n < a.length && a[n] === b[n]) n++;
    console.log(n + " of " + a.length)' "$wanted" "$got")
  say 'greedy tokens equal from the start: %s (eeve never takes padding, llama.cpp does)\n' "$equal"
fi

best=("" 0 0 0 0)
eeve_runs= llama_runs=
say 'prompt %s, decode %s, %s threads; tok/s     eeve prompt  decode    llama.cpp prompt  decode\n' "$prompt" "$decode" "$threads"
for round in $(seq "$rounds"); do
  ours=$("$root/eeve" bench --model "$model" --threads "$threads" --prompt "$prompt" --decode "$decode" --json)
  theirs=$(llama speed)
  eeve_runs+=${eeve_runs:+,}$ours
  llama_runs+=${llama_runs:+,}$theirs
  row=("$round" "$(number prompt_tokens_per_s <<<"$ours")" "$(number decode_tokens_per_s <<<"$ours")"
    "$(number prompt_tokens_per_s <<<"$theirs")" "$(number decode_tokens_per_s <<<"$theirs")")
  say 'round %-2s %44.2f %7.2f %19.2f %7.2f\n' "${row[@]}"
  for i in 1 2 3 4; do
    best[i]=$(node -p "Math.max(${best[i]}, ${row[i]})")
  done
done
release="$(number llama_cpp.release <<<"$theirs") from $package"
if [ -n "$json" ]; then
  printf '{"eeve":[%s],"llama_cpp":[%s],"release":"%s","tokens":"%s"}\n' "$eeve_runs" "$llama_runs" "$release" "$equal"
  exit
fi
say 'best  %-2s %44.2f %7.2f %19.2f %7.2f\n' "${best[@]}"
echo "eeve / llama.cpp: prompt $(node -p "(${best[1]} / ${best[3]}).toFixed(2)"), decode $(node -p "(${best[2]} / ${best[4]}).toFixed(2)")"
echo "llama.cpp $release, $(basename "$model"), $(date -u +%F)"
