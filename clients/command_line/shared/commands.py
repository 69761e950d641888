"""The table of commands: what is typed, and where its function is. Must not import any of them."""

COMMANDS = {
    "up": "stack.stack:up",
    "down": "stack.stack:down",
    "status": "stack.stack:status",
    "logs": "stack.stack:logs",
    "doctor": "stack.stack:doctor",
    "demo": "stack.demo:demo",
    "index": "catalog.index:index",
    "recommend": "ask.recommend:recommend",
    "rerank": "ask.recommend:rerank",
    "similar": "ask.recommend:similar",
    "info": "ask.recommend:info",
    "train": "train.train:train",
    "export": "train.export:export",
    "train-demo": "train.train_demo:train_demo",
    "ablate": "train.ablate:ablate",
    "import": "train.import_model:import_model",
    "gpu-check": "measure.gpu_check:gpu_check",
    "eval": "evaluate.evaluate:evaluate",
    "verify": "evaluate.verify:verify",
    "gate": "release.release:gate",
    "promote": "release.release:promote",
    "rollback": "release.release:rollback",
    "versions": "release.release:versions",
    "rankers": "release.rankers:rankers",
    "loadtest": "measure.loadtest:loadtest",
    "bench": "measure.bench:bench",
    "profile": "measure.profile:profile",
    "sweep": "measure.sweep:sweep",
    "capacity": "measure.capacity:capacity",
    "data movielens-100k": "catalog.data:movielens",
    "data goodbooks": "catalog.data:goodbooks",
    "forget": "catalog.forget:forget",
    "data export": "catalog.data:export",
    "data check": "catalog.data:check",
    "spec list": "train.spec:list_presets",
    "spec show": "train.spec:show",
    "shadow report": "release.trial:shadow_report",
    "canary report": "release.trial:canary_report",
}
"""What is typed, and where its function is: its module is imported when it is called."""

WITHOUT_A_STACK = {"import", "gpu-check", "capacity", "spec list", "spec show"}
"""Commands that take no state directory: they are not about a stack."""

GROUPS = {
    "data": "Fetch a data set, or check your own tables.",
    "spec": "Show what a model reads: fields, order and token budgets.",
    "shadow": "A model or ranker on trial that orders live requests unseen.",
    "canary": "A model or ranker on trial that answers a share of the users.",
}
