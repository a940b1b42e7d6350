"""The edge: HTTP, queue and timer triggers.

The first thing of ours that a worker imports, and so the place for what holds for the whole worker.

A handler imports the verb that it calls, so that a cold worker's first page imports no other's
(docs/adr/0012); what an association's page needs in any case stands at the top.

Nearly everything made during a cold start lives as long as the worker: looking through it for garbage, again
and again as it grows, takes 30 ms of the first page's 440. 100,000 objects are twice what the first page
makes; later on the same number lies between two looks.
https://docs.python.org/3/library/gc.html#gc.set_threshold
"""

import gc
import warnings

gc.set_threshold(100_000)
# What requests says where charset_normalizer is left out of the package (deployment/pruning.py): nothing that
# we read has an encoding to be guessed.
warnings.filterwarnings("ignore", message="Unable to find acceptable character detection")
