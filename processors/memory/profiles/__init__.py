"""What is known of people: facts about whoever said them, learned after the reply, shown to the model as quotations."""
