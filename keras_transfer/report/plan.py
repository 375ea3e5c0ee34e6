"""What `--plan` found, as text for a person."""


def describe_plan(plan):
    """A dict of `strategies.common.planning.plan_run` in a few lines."""
    lines = [
        f"{plan['examples']} examples, {plan['train']} of them to train on; reading them takes "
        f"{plan['seconds_reading']:.0f} s",
        f"{plan['features']} features to compute, {plan['seconds_features']:.0f} s by Keras, less "
        f"where they are stored already; {plan['bytes_stored'] / 2**20:.1f} MiB to store",
    ]
    if plan["settings"]:
        lines.append("What is not named is taken by rule:")
    for choice in plan["settings"]:
        value = choice["value"]
        shown = f"{value:g}" if isinstance(value, float) else value
        lines.append(f"  {choice['setting'].replace('_', ' ')} {shown}: {choice['reason']}")
    for stage in plan["stages"]:
        if not stage["epochs"]:
            continue
        seconds = stage["seconds_training"]
        lines.append(f"{stage['name']}: {stage['epochs']} epochs, {seconds:.0f} s")
        if stage["stored"]:
            lines.append(
                f"  from {stage['views']} stored views of each example; running the base in each "
                f"epoch would take {stage['seconds_training_unstored']:.0f} s"
            )
        else:
            lines.append(f"  the base runs in each epoch: {stage['reason']}")
    return "\n".join(lines)
