"""The stages that learn from given texts: vm_cpt, direct_sft, cot_sft. One trainer; they differ in their data only."""
