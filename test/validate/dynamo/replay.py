"""Replays Mooncake traces through Dynamo's offline simulator. Argument: a JSON job (see peer.ts) with the timing table
and the replays, each with a trace, engine arguments, a number of workers and the file for one line per request.
"""

import json
import os
import sys

import numpy as np
from dynamo.mocker import MockEngineArgs
from dynamo.replay import run_trace_replay

# Their names of the columns of timing-table.ts.
COLUMNS = {
    "prefill_isl": "prefillTokens",
    "prefill_ttft_ms": "prefillMs",
    "decode_active_kv_tokens": "decodeKvTokens",
    "decode_context_length": "decodeContextTokens",
    "decode_itl": "decodeMs",
}


def main(job_path):
    with open(job_path, encoding="utf-8") as file:
        job = json.load(file)
    table = os.path.join(os.path.dirname(job_path), "table.npz")
    np.savez(table, **{theirs: np.array(job["table"][ours], dtype=np.float64) for theirs, ours in COLUMNS.items()})
    for replay in job["replays"]:
        engine = dict(replay["engine"], planner_profile_data=table)
        run_trace_replay(
            replay["trace"],
            extra_engine_args=MockEngineArgs.from_json(json.dumps(engine)),
            num_workers=replay["workers"],
            router_mode="round_robin",
            report_jsonl_path=replay["outcomes"],
        )


main(sys.argv[1])
