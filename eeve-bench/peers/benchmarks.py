#!/usr/bin/env python3
"""Writes BENCHMARKS.md: every weight type at full size, beside llama.cpp on the same GGUF files.

    eeve-bench/peers/benchmarks.py [--shape eeve-2.8b] [--types f16,bf16,q8_0,q4_0] [--prompts 128,512]
        [--decode 32] [--threads N] [--rounds 2] [--folder DIR] [--under COMMAND] [--output BENCHMARKS.md]

Random weights of the shape are written to a temporary folder, quantized to one type after the other,
measured in turns by llama-cpp.sh, and deleted. Without npm, llama.cpp's columns stay empty and a message
says so. Needs eeve-bench's jar. `--under` is a command that each step runs under, such as nice.
"""
import argparse
import glob
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
EEVE = os.path.join(ROOT, "eeve")
JAR = os.path.join(ROOT, "eeve-bench", "target", "benchmarks.jar")
PARAMETERS = {"phi-2": 2_779_683_840, "eeve-2.8b": 2_819_340_864}
BYTES = {"f16": 2.0, "bf16": 2.0, "q8_0": 34 / 32, "q4_0": 18 / 32}


def stop(message):
    sys.exit("benchmarks.py: " + message)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shape", default="eeve-2.8b", choices=PARAMETERS)
    parser.add_argument("--types", default="f16,bf16,q8_0,q4_0")
    parser.add_argument("--prompts", default="128,512")
    parser.add_argument("--decode", type=int, default=32)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--folder", help="where the temporary folder is made; the system's")
    parser.add_argument("--under", default="", help="a command each step runs under")
    parser.add_argument("--output", default=os.path.join(ROOT, "BENCHMARKS.md"))
    a = parser.parse_args()
    a.types = a.types.split(",")
    for type_ in a.types:
        if type_ not in BYTES:
            stop(f"--types: {type_}, needed some of {', '.join(BYTES)}")
    try:
        a.prompts = [int(p) for p in a.prompts.split(",")]
    except ValueError:
        stop(f"--prompts: {a.prompts}, needed numbers such as 128,512")
    return a


def java():
    """A JDK 25 or newer where the launcher looks first: JAVA_HOME, the PATH, the usual folders."""
    homes = [os.environ["JAVA_HOME"]] if os.environ.get("JAVA_HOME") else []
    found = shutil.which("java")
    candidates = [os.path.join(home, "bin", "java") for home in homes] + ([found] if found else [])
    for folder in ("/usr/lib/jvm", "/opt", os.path.expanduser("~/.sdkman/candidates/java")):
        if os.path.isdir(folder):
            candidates += sorted(os.path.join(folder, name, "bin", "java") for name in os.listdir(folder))
    for candidate in candidates:
        if os.path.isfile(candidate) and major(candidate) >= 25:
            return candidate
    stop("no JDK 25 or newer found; set JAVA_HOME")


def major(candidate):
    said = subprocess.run([candidate, "-version"], stderr=subprocess.PIPE, text=True).stderr
    version = re.search(r'version "(\d+)', said)
    return int(version.group(1)) if version else 0


def run(command, **more):
    """Runs a command whose messages are shown; returns what it printed."""
    result = subprocess.run(command, stdout=subprocess.PIPE, text=True, **more)
    if result.returncode:
        stop(f"{' '.join(command)}: exit {result.returncode}")
    return result.stdout


def measure(a, model, prompt, first):
    under = a.under.split()
    peers = under + [os.path.join(HERE, "llama-cpp.sh"), model, "--prompt", str(prompt),
                     "--decode", str(a.decode), "--threads", str(a.threads),
                     "--rounds", str(a.rounds), "--tokens", "yes" if first else "no", "--json"]
    answer = run(peers)
    if answer.strip():
        return json.loads(answer)
    ours = under + [EEVE, "bench", "--model", model, "--prompt", str(prompt), "--decode",
                    str(a.decode), "--threads", str(a.threads), "--json"]
    return {"eeve": [json.loads(run(ours)) for _ in range(a.rounds)], "llama_cpp": []}


def best(runs, key):
    return max((r[key] for r in runs), default=None)


def row(type_, prompt, result):
    """What a line of both tables says of one prompt length."""
    ours, theirs = result["eeve"], result["llama_cpp"]
    speed = {k: best(ours, k) for k in ("prompt_tokens_per_s", "decode_tokens_per_s")}
    peak = max(r["fma_peak_gflops"] for r in ours) * 1e9
    rate = max(r["read_gb_per_s"] for r in ours) * 1e9
    return {
        "type": type_, "prompt": prompt,
        "eeve": speed,
        "peak": speed["prompt_tokens_per_s"] * ours[0]["prompt_flops_per_token"] / peak,
        "read": speed["decode_tokens_per_s"] * ours[0]["decode_bytes_per_token"] / rate,
        "llama": {k: best(theirs, k) for k in speed},
        "rss": best(ours, "peak_rss_bytes"), "load": min(r["load_ms"] for r in ours),
        "gflops": peak / 1e9, "gbytes": rate / 1e9,
    }


def table(rows, key, limit, title):
    lines = [f"| weights | {title} | eeve, tok/s | of the {limit} | llama.cpp, tok/s | eeve ÷ llama.cpp |",
             "|---|---|---|---|---|---|"]
    for r in rows:
        ours, theirs = r["eeve"][key], r["llama"][key]
        share = r["peak" if key.startswith("prompt") else "read"]
        lines.append("| {} | {} | {:.2f} | {:.0f} % | {} | {} |".format(
            r["type"].upper(), r["prompt"], ours, 100 * share,
            f"{theirs:.2f}" if theirs else "", f"{ours / theirs:.2f}" if theirs else ""))
    return lines


def processor():
    """Name, family and model of the first processor, and its widest vectors."""
    found = {}
    try:
        with open("/proc/cpuinfo") as info:
            for line in info:
                key, _, value = line.partition(":")
                found.setdefault(key.strip(), value.strip())
    except OSError:
        pass
    if "model name" not in found:
        return platform.processor() or platform.machine()
    flags = found.get("flags", "").split()
    vectors = "AVX-512" if "avx512f" in flags else "AVX2" if "avx2" in flags else "no AVX2"
    return f"{found['model name']} (family {found.get('cpu family')}, model {found.get('model')}, {vectors})"


def others(a):
    """Links to what other machines gave, where that is kept."""
    folder = os.path.dirname(os.path.abspath(a.output))
    paths = glob.glob(os.path.join(ROOT, "docs", "benchmarks-*.md")) + [os.path.join(ROOT, "BENCHMARKS.md")]
    links = [os.path.relpath(p, folder) for p in sorted(paths) if os.path.abspath(p) != os.path.abspath(a.output)]
    return ["- Other machines: " + ", ".join(f"[{link}]({link})" for link in links) + "."] if links else []


def jdk():
    out = subprocess.run([java(), "-version"], stderr=subprocess.PIPE, text=True).stderr
    return out.splitlines()[1] if len(out.splitlines()) > 1 else out.strip()


def commit():
    git = ["git", "-C", ROOT, "describe", "--always", "--dirty"]
    found = subprocess.run(git, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    return found.stdout.strip() or "unknown"


def write(a, rows, release, tokens):
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
    lines = [
        "# Benchmarks", "",
        "Written by `eeve-bench/peers/benchmarks.py`, which measures again.", "",
        f"- Random weights of {a.shape}; both programs read the same GGUF file, in turns, best of"
        f" {a.rounds} times 3; {a.threads} threads, {a.decode} greedy steps after the prompt.",
        f"- {time.strftime('%Y-%m-%d', time.gmtime())}, eeve {commit()}; {processor()},"
        f" {os.cpu_count()} cores, {memory:.0f} GB; {jdk()}.",
        "- llama.cpp: " + (release or "not measured, npm was missing") + ".",
        "- Limits, measured in the same runs: {:.0f} GFLOP/s of fused multiply-adds, {:.1f} GB/s read."
        .format(max(r["gflops"] for r in rows), max(r["gbytes"] for r in rows)),
        "- Operations and bytes a token count as `eeve bench` counts them: weights in the file's own size,"
        " keys and values in F32.", *others(a), "",
        "## Prompt", ""]
    lines += table(rows, "prompt_tokens_per_s", "multiply-add peak", "prompt")
    lines += ["", "## Decoding", ""]
    lines += table(rows, "decode_tokens_per_s", "read rate", "after a prompt of")
    lines += ["", "## Memory and loading", "", "| weights | peak resident, GB | load from the page cache, s |",
              "|---|---|---|"]
    for r in rows:
        if r["prompt"] == a.prompts[0]:
            rss = f"{r['rss'] / 1e9:.2f}" if r["rss"] else ""
            lines.append(f"| {r['type'].upper()} | {rss} | {r['load'] / 1000:.1f} |")
    if tokens:
        lines += ["", "Greedy tokens that both say alike, from the first on (llama.cpp rounds activations"
                  " with quantized weights; random weights have close seconds): "
                  + ", ".join(f"{t.upper()} {n}" for t, n in tokens.items()) + "."]
    partial = a.output + ".partial"
    with open(partial, "w", encoding="utf-8") as out:
        out.write("\n".join(lines) + "\n")
    os.replace(partial, a.output)


def main():
    a = arguments()
    if not os.path.isfile(JAR):
        stop(f"no {JAR}; run mvn -B package -DskipTests first")
    folder = a.folder or tempfile.gettempdir()
    weights = PARAMETERS[a.shape]
    needed = weights * (2 + max(BYTES[t] for t in a.types)) * 1.01
    free = shutil.disk_usage(folder).free
    print(f"{needed / 1e9:.1f} GB of disk needed in {folder}, {free / 1e9:.1f} free", file=sys.stderr)
    if free < needed:
        stop(f"{folder}: not enough room; pass --folder")
    rows, release, tokens = [], None, {}
    work = tempfile.mkdtemp(prefix="eeve-benchmarks-", dir=folder)
    try:
        source = os.path.join(work, a.shape)
        under = a.under.split()
        run(under + [java(), "-cp", JAR, "dev.eeve.bench.RandomModel", a.shape, source])
        for type_ in a.types:
            model = os.path.join(work, f"{a.shape}-{type_}.gguf")
            run(under + [EEVE, "quantize", "--model", source, "--type", type_, "--output", model])
            for prompt in a.prompts:
                result = measure(a, model, prompt, prompt == a.prompts[0])
                release = result.get("release") or release
                if result.get("tokens"):
                    tokens[type_] = result["tokens"]
                rows.append(row(type_, prompt, result))
                r = rows[-1]
                print(f"{type_} {prompt}: prompt {r['eeve']['prompt_tokens_per_s']:.1f} tok/s,"
                      f" {r['peak']:.1%} of the peak, llama.cpp {r['llama']['prompt_tokens_per_s']};"
                      f" decode {r['eeve']['decode_tokens_per_s']:.2f}, {r['read']:.1%} of the read rate,"
                      f" llama.cpp {r['llama']['decode_tokens_per_s']}", file=sys.stderr)
            os.remove(model)
    finally:
        shutil.rmtree(work)
    write(a, rows, release, tokens)


main()
