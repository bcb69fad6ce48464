"""What a model can do apart from any policy: questions with exact answers, taught to the base model and asked again."""
